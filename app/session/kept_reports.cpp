#include "app/session/kept_reports.h"

#include <algorithm>
#include <utility>

namespace graticule {

namespace {
constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20; // a run of a 7B model takes 0.2 MB
} // namespace

std::string reports_key(const Run& run) {
    const Provenance& from = run.evaluation->provenance;
    return from.model_hash + "\n" + from.recipe_hash + "\n" + from.device + "\n" + from.execution;
}

RecordFolder kept_reports(const RunJournal& journal) {
    return {journal.beside("layers").toStdString(), "layers of runs 1", most_bytes};
}

std::shared_ptr<const std::vector<LayerReport>> reports_of(const QuantizedModel& quantized) {
    auto reports = std::make_shared<std::vector<LayerReport>>();
    for (const auto& linear : quantized.linears)
        if (linear) reports->push_back(linear->report);
    return reports;
}

const LayerReport* find_report(const std::vector<LayerReport>& reports, LayerId layer, const std::string& scheme_line) {
    const auto found = std::ranges::lower_bound(reports, layer, {}, &LayerReport::layer);
    return found != reports.end() && found->layer == layer && found->scheme_line == scheme_line ? &*found : nullptr;
}

bool are_reports_of(const Model& model, const std::vector<LayerReport>& reports) {
    const auto fits = [&](const LayerReport& report) {
        const std::size_t at = index_of(report.layer);
        return at < model.linears().size() && model.linears()[at].short_name == report.name;
    };
    return std::ranges::all_of(reports, fits) && std::ranges::is_sorted(reports, {}, &LayerReport::layer);
}

bool keep_measured(std::vector<LayerReport>& reports, const std::vector<LayerReport>& before) {
    bool any = false;
    for (LayerReport& report : reports) {
        const LayerReport* measured = find_report(before, report.layer, report.scheme_line);
        if (report.output_sqnr_db || !measured || !measured->output_sqnr_db) continue;
        if (measured->weight_mse != report.weight_mse) continue;
        report = *measured;
        any = true;
    }
    return any;
}

std::shared_ptr<const std::vector<LayerReport>> measured_beyond(const Run& run) {
    if (!run.quantized || !run.reports) return nullptr;
    auto reports = std::make_shared<std::vector<LayerReport>>(*reports_of(*run.quantized));
    return keep_measured(*reports, *run.reports) ? reports : nullptr;
}

void keep_reports(const RecordFolder& kept, const Run& run) {
    if (!run.reports || run.evaluation->provenance.model_hash.empty()) return;
    std::vector<LayerReport> reports = *run.reports, before;
    if (kept.find(
            reports_key(run), [&](RecordReader& read) { read(before); }, [](const std::string&) {}))
        keep_measured(reports, before);
    // The job that made them was checked at its end, as the evaluation was that the journal has of them.
    (void)kept.keep(
        reports_key(run), [&](RecordWriter& write) { write(reports); }, Origin::checked_before);
}

void find_reports(const RecordFolder& kept, const Model& model, Run& run,
                  const std::function<void(const std::string&)>& tell) {
    if (run.full_precision || run.reports) return;
    auto reports = std::make_shared<std::vector<LayerReport>>();
    const auto read = [&](RecordReader& from) {
        from(*reports);
        if (!are_reports_of(model, *reports)) from.fail();
    };
    if (kept.find(reports_key(run), read, tell)) run.reports = std::move(reports);
}

} // namespace graticule
