#include "core/engine/export.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/export/carry_along.h"
#include "core/export/staged_dir.h"
#include "core/io/before_output.h"
#include "core/io/checkpoint.h"
#include "core/io/claim.h"
#include "core/io/output_file.h"
#include "core/io/spill_file.h"
#include "core/method/method.h"
#include "core/model/family.h"
#include "core/report/json_results.h"

namespace graticule {
namespace {

/// A decoder that multiplies in another order may differ in the last bits; more than this is a wrong file.
constexpr double reload_tolerance = 1e-6;

std::filesystem::path model_folder(const Model& model) {
    const auto& checkpoint = model.parts().checkpoint;
    return checkpoint ? checkpoint->folder() : std::filesystem::path();
}

StagedDirOptions staging(const Model& model, const ExportTarget& target) {
    return {.keep_out_of = model_folder(model), .force = target.force, .force_hint = target.force_hint};
}

void throw_problems(const Diagnostics& diagnostics, const Exporter& exporter) {
    const std::vector<std::string> problems = diagnostics.lines(Severity::error);
    if (problems.empty()) return;
    std::string text = std::string(exporter.name) + " cannot hold this recipe (" + std::to_string(problems.size()) +
                       (problems.size() == 1 ? " problem):" : " problems):");
    for (const std::string& problem : problems) text += "\n  " + problem;
    throw Error(ErrorKind::unsupported, text + "\nwithout a model to write, eval and compare give its figures");
}

void compare_tensor(const std::string& name, const std::vector<float>& meant, const HostTensor& read,
                    ReloadCheck& check) {
    const std::vector<float> got = to_floats(read);
    ++check.tensors;
    if (got.size() != meant.size())
        throw Error(ErrorKind::internal, name + ": " + std::to_string(got.size()) + " values were read back, " +
                                             std::to_string(meant.size()) + " were written");
    if (std::memcmp(got.data(), meant.data(), got.size() * sizeof(float)) == 0) return;
    double largest = 0, scale = 0;
    bool equal = true; // -0 and 0 are the same weight
    for (std::size_t i = 0; i < got.size(); ++i) {
        equal = equal && got[i] == meant[i];
        const double difference = std::fabs(double(got[i]) - double(meant[i]));
        largest = difference <= largest ? largest : difference; // keeps a NaN
        scale = std::max(scale, std::fabs(double(meant[i])));
    }
    if (equal) return;
    ++check.different;
    const double relative = scale > 0 ? largest / scale : INFINITY;
    if (!(relative <= check.largest_relative) || check.worst.empty()) {
        check.largest_relative = relative;
        check.worst = name;
    }
}

struct NamedTensor {
    std::string name;
    HostTensor tensor;
};

/// Every tensor but the linears': norms, routers, embeddings, projections, head. Same order for models of the same
/// config.
std::vector<NamedTensor> other_tensors(const Model& model) {
    std::vector<NamedTensor> all;
    for_each_tensor(model, [&](const ModelTensor& tensor) {
        if (tensor.linear == nullptr) all.push_back({tensor.name, tensor.values});
    });
    return all;
}

void compare_others(const QuantizedModel& model, const Model& again, ReloadCheck& check) {
    const std::vector<NamedTensor> meant = other_tensors(*model.base), got = other_tensors(again);
    if (got.size() != meant.size())
        throw Error(ErrorKind::internal, std::to_string(got.size()) + " norms and embeddings were read back, " +
                                             std::to_string(meant.size()) + " were written");
    for (std::size_t i = 0; i < meant.size(); ++i) {
        const auto folded = model.replaced.find(meant[i].name);
        const HostTensor& tensor = folded == model.replaced.end() ? meant[i].tensor : folded->second;
        const HostTensor& read = got[i].tensor;
        if (tensor.dtype == read.dtype && !read.encoded && std::ranges::equal(tensor.bytes, read.bytes))
            ++check.tensors;
        else
            compare_tensor(meant[i].name, to_floats(tensor), read, check);
    }
}

/// What each linear of the recipe will store beside its codes; absent: calibration decides.
using Parts = std::vector<std::optional<StoredParts>>;

Parts planned_parts(const Model& model, const LayerChoices& choices) {
    Parts parts;
    for (const Linear& linear : model.linears()) {
        const auto& choice = choices.at(index_of(linear.id));
        parts.push_back(choice ? expected_parts(*choice, linear) : StoredParts());
    }
    return parts;
}

Parts parts_of(const QuantizedModel& model) {
    Parts parts;
    for (const auto& linear : model.linears) parts.emplace_back(linear ? stored_parts(*linear) : StoredParts());
    return parts;
}

/// Methods whose result is more than codes and scales, and whether the exporter holds it. The exporters see schemes and
/// results, never methods.
void check_methods(const Model& model, const LayerChoices& choices, const Exporter& exporter, const Parts& parts,
                   Diagnostics& diagnostics) {
    LayerProblems problems;
    constexpr std::pair<Stage, const char*> more[] = {{Stage::rotate, "a rotation of the inputs at run time"},
                                                      {Stage::keep, "channels kept in 16 bits"},
                                                      {Stage::compensate, "low-rank terms"}};
    for (const auto& [stage, what] : more) {
        const bool held = std::ranges::find(exporter.holds, stage) != exporter.holds.end();
        for (const Linear& linear : model.linears()) {
            const auto& choice = choices.at(index_of(linear.id));
            if (!choice || !step_of(*choice, stage)) continue;
            if (!held)
                problems.add(std::string(what) + " beside the codes cannot be stored by " + std::string(exporter.name) +
                                 "; leave that method out of the exported recipe",
                             linear.short_name);
            else if (!parts.at(index_of(linear.id)))
                problems.add(std::string(what) +
                                 ": how many is known when it is quantized, too late for a file that is "
                                 "written meanwhile; keep a percentage",
                             linear.short_name);
        }
    }
    problems.report(Severity::error, diagnostics);
}

/// The one check of what is exported: the dialog shows it, the export acts on it.
Diagnostics check_contents(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                           const ExportOptions& options, const Parts& parts) {
    Diagnostics diagnostics = exporter.check(model, choices, options);
    check_methods(model, choices, exporter, parts, diagnostics);
    return diagnostics;
}

Diagnostics check_contents(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                           const ExportOptions& options) {
    return check_contents(model, choices, exporter, options, planned_parts(model, choices));
}

/// Looks at what the folder's own reader makes of it. Quantized linears were compared as they were handed over and are
/// not read again: `model` need hold no codes.
void reload(const QuantizedModel& model, const Exporter& exporter, const std::filesystem::path& folder,
            ReloadCheck& check, JobContext& ctx) {
    const std::shared_ptr<const Checkpoint> read = exporter.read_back(folder);
    // Names as the client knows them may have a prefix more than the checkpoint's: build_model resolves both alike.
    const std::shared_ptr<const Model> again = build_model(read, model.base->name());
    const Model& base = *model.base;
    ctx.progress.begin("Reading back", std::ssize(base.linears()));
    for (const Linear& linear : base.linears()) {
        if (!model.linears.at(index_of(linear.id)))
            compare_tensor(linear.name + ".weight", effective_weight(model, linear.id), again->linear(linear.id).weight,
                           check);
        if (const auto bias = effective_bias(model, linear.id)) {
            const auto& got = again->linear(linear.id).bias;
            if (!got) throw Error(ErrorKind::internal, linear.name + ".bias: was not read back");
            compare_tensor(linear.name + ".bias", *bias, *got, check);
        }
        ctx.advance();
    }
    compare_others(model, *again, check);
}

void refuse_what_differs(const ReloadCheck& check) {
    if (!(check.largest_relative <= reload_tolerance))
        throw Error(ErrorKind::internal, check.worst + ": the exported weights read back differ by " +
                                             std::to_string(check.largest_relative) +
                                             " of the largest value; nothing was kept");
}

/// A linear on its way into the folder, compared with what will be read of it.
void hand_over(const QuantizedLinear& linear, const Linear& shape, ModelWriter& writer, ReloadCheck& check) {
    compare_tensor(shape.name + ".weight", effective_weight(linear, shape), writer.take(linear), check);
    refuse_what_differs(check);
}

void list_files(Exported& exported) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(exported.folder))
        if (entry.is_regular_file())
            exported.files.emplace_back(entry.path().lexically_relative(exported.folder).string(),
                                        static_cast<std::int64_t>(entry.file_size()));
    std::sort(exported.files.begin(), exported.files.end());
    for (const auto& [name, bytes] : exported.files) exported.bytes += bytes;
}

void write_provenance(const QuantizedModel& model, const Exporter& exporter, const Exported& exported) {
    const nlohmann::json document = {{"exporter", exporter.name},
                                     {"provenance", to_json(model.provenance)},
                                     {"recipe", nlohmann::json::parse(to_json(model.recipe))},
                                     {"notes", to_json(exported.notes)},
                                     {"targets", to_json(exported.targets)},
                                     {"reload_check",
                                      {{"tensors", exported.reload.tensors},
                                       {"different", exported.reload.different},
                                       {"largest_relative", exported.reload.largest_relative}}}};
    write_provenance_file(exported.folder, document.dump());
}

/// What is known before anything is written, `parts` too, which `options` get. Throws what stands against it.
Exported begin_export(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                      const std::filesystem::path& folder, const Parts& parts, ExportOptions& options) {
    Exported exported;
    exported.folder = folder;
    exported.notes = check_contents(model, choices, exporter, options, parts);
    throw_problems(exported.notes, exporter);
    for (const auto& of_linear : parts) options.parts.push_back(of_linear.value_or(StoredParts()));
    exported.targets = target_reports(model, choices, exporter);
    return exported;
}

/// What is left once the weights are in the folder.
void complete(const QuantizedModel& model, const Exporter& exporter, Exported& exported, JobContext& ctx) {
    reload(model, exporter, exported.folder, exported.reload, ctx);
    refuse_what_differs(exported.reload);
    write_provenance(model, exporter, exported);
    list_files(exported);
}

/// Writes linears as they are quantized. Keeps the tensors that folding changed, in memory while they are few.
class ExportSink final : public QuantizedSink {
public:
    ExportSink(const Exporter& exporter, LayerChoices choices, const ExportOptions& options, Exported& exported)
        : exporter_(exporter)
        , choices_(std::move(choices))
        , options_(options)
        , exported_(exported)
        , kept_(options.held_bytes) {}

    void begin(const QuantizedModel& heading) override {
        model_ = heading.base;
        writer_ = exporter_.open(heading, choices_, exported_.folder, options_);
    }
    void take(QuantizedLinear linear) override {
        hand_over(linear, model_->linear(linear.layer), *writer_, exported_.reload);
    }
    void take(const std::string& name, HostTensor replaced) override {
        replaced_.insert_or_assign(name, kept_.keep(std::move(replaced)));
    }
    void finish(const QuantizedModel& reports, JobContext& ctx) {
        QuantizedModel whole = reports;
        whole.replaced = replaced_;
        writer_->finish(whole, ctx);
        complete(whole, exporter_, exported_, ctx);
    }

private:
    const Exporter& exporter_;
    LayerChoices choices_;
    ExportOptions options_;
    Exported& exported_;
    std::shared_ptr<const Model> model_;
    std::unique_ptr<ModelWriter> writer_;
    std::map<std::string, HostTensor> replaced_;
    SpillFile kept_;
};

/// Into `staged`, then in place of what stands there.
template <class Work>
Exported in_its_place(const Model& model, const ExportTarget& target, JobContext& ctx, Work&& work) {
    StagedDir staged(target.folder, staging(model, target));
    Exported exported = work(staged.path());
    exported.replaced = staged.replaces_ours();
    exported.moved_aside = staged.commit(ctx);
    exported.folder = staged.target();
    return exported;
}

} // namespace

std::uint64_t least_export_bytes(const Model& model, const LayerChoices& choices, const Exporter& exporter) {
    std::int64_t bytes = bytes_beside_weights(model);
    for (const Linear& linear : model.linears()) {
        const auto& choice = choices.at(index_of(linear.id));
        const auto stored = choice && choice->scheme.weight ? exporter.stored(linear, *choice) : std::nullopt;
        bytes += stored ? linear.out_features() * linear.in_features() * stored->bits / 8
                        : weight_bytes(linear, std::nullopt, {});
    }
    return static_cast<std::uint64_t>(bytes);
}

std::uint64_t least_export_files(const Model& model, const Exporter& exporter) {
    constexpr std::uint64_t always = 3; // the folder, the weights, the provenance
    const std::filesystem::path folder = model_folder(model);
    if (exporter.one_file || folder.empty()) return always;
    return always + 1 + companion_files(folder).size(); // config.json
}

Diagnostics export_findings(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                            const ExportTarget& target, const ExportOptions& options) {
    Diagnostics found;
    try {
        if (StagedDir::check(target.folder, staging(model, target)))
            found.add(Severity::warning, "folder", "an earlier export is there and will be replaced");
        refuse_what_is_claimed(output_place(target.folder), Claim::Kind::folder);
        check_room(target.folder, least_export_bytes(model, choices, exporter), least_export_files(model, exporter));
    } catch (const Error& error) {
        found.add(Severity::error, "folder", error.info().message);
    }
    found.append(check_contents(model, choices, exporter, options));
    return found;
}

Diagnostics check_export(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                         const ExportTarget& target, const ExportOptions& options) {
    { const StagedDir trial(target.folder, staging(model, target)); } // some places are only found out by trying
    Diagnostics diagnostics = check_contents(model, choices, exporter, options);
    throw_problems(diagnostics, exporter);
    check_room(target.folder, least_export_bytes(model, choices, exporter), least_export_files(model, exporter));
    return diagnostics;
}

const Exporter& check_served(const Model& model, const LayerChoices& choices, const Target& target) {
    std::optional<Diagnostics> problems;
    for (const std::string_view name : target.exporters) {
        const Exporter& exporter = exporter_named(name);
        Diagnostics found = check_contents(model, choices, exporter, {});
        if (found.has_errors()) {
            if (!problems) problems = std::move(found);
            continue;
        }
        const TargetReport report = target_report(model, choices, exporter, target);
        if (runs(report.fate)) return exporter;
        if (problems) break; // of the exporter that says most
        std::string text;
        for (const std::string& line : to_lines(report)) text += "\n  " + line;
        throw Error(ErrorKind::unsupported, std::string(target.label) + " does not run this recipe:" + text);
    }
    throw_problems(problems.value(), exporter_named(target.exporters.front()));
    throw Error(ErrorKind::internal, std::string(target.name) + ": an exporter without problems was passed over");
}

Exported export_into(const QuantizedModel& model, const Exporter& exporter, const std::filesystem::path& folder,
                     const ExportOptions& asked, JobContext& ctx) {
    const LayerChoices choices = choices_of(model);
    ExportOptions options = asked;
    Exported exported = begin_export(*model.base, choices, exporter, folder, parts_of(model), options);
    const std::unique_ptr<ModelWriter> writer = exporter.open(model, choices, folder, options);
    ctx.progress.begin("Writing", std::ssize(model.linears));
    for (const auto& linear : model.linears) {
        if (linear) hand_over(*linear, model.base->linear(linear->layer), *writer, exported.reload);
        ctx.advance();
    }
    writer->finish(model, ctx);
    complete(model, exporter, exported, ctx);
    return exported;
}

Exported export_model(const QuantizedModel& model, const Exporter& exporter, const ExportTarget& target,
                      const ExportOptions& options, JobContext& ctx) {
    return in_its_place(*model.base, target, ctx, [&](const std::filesystem::path& folder) {
        return export_into(model, exporter, folder, options, ctx);
    });
}

QuantizedExport quantize_and_export(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
                                    const ResolvedRecipe& resolved, const Exporter& exporter,
                                    const ExportTarget& target, const ExportOptions& asked, JobContext& ctx,
                                    const LayerCallback& on_layer) {
    QuantizedExport both;
    ExportOptions options = asked;
    both.exported = in_its_place(*model, target, ctx, [&](const std::filesystem::path& folder) {
        const LayerChoices choices = choices_of(resolved);
        Exported exported = begin_export(*model, choices, exporter, folder, planned_parts(*model, choices), options);
        ExportSink sink(exporter, choices, options, exported);
        both.quantized = quantize(model, std::move(stats), resolved, ctx, on_layer, {.sink = &sink});
        sink.finish(*both.quantized, ctx);
        return exported;
    });
    return both;
}

} // namespace graticule
