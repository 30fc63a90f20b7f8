// logits: float32 logits of given token ids, to check a model against another program.
#include <CLI/CLI.hpp>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "core/engine/workbench.h"
#include "core/io/before_output.h"
#include "core/io/safetensors.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    CalibrationInput calibration;
    std::string ids, out, recipe;
};

template <class T>
std::vector<std::int32_t> rows_of(const HostTensor& tensor, const std::string& file) {
    std::vector<T> stored(tensor.bytes.size() / sizeof(T));
    std::memcpy(stored.data(), tensor.bytes.data(), stored.size() * sizeof(T));
    std::vector<std::int32_t> ids;
    for (const T id : stored) {
        if (id < 0 || id > INT32_MAX)
            throw Error(ErrorKind::bad_input,
                        file + ": input_ids holds " + std::to_string(id) + ", which is no token id");
        ids.push_back(static_cast<std::int32_t>(id));
    }
    return ids;
}

std::vector<std::vector<std::int32_t>> read_ids(const std::string& file) {
    const auto tensors = SafetensorsFile::open(file);
    if (!tensors->contains("input_ids"))
        throw Error(ErrorKind::bad_input,
                    file + ": there is no tensor \"input_ids\"; it must be I64 or I32 (rows, tokens)");
    const HostTensor tensor = tensors->tensor("input_ids");
    const bool wide = tensor.dtype == DType::i64;
    if ((!wide && tensor.dtype != DType::i32) || tensor.shape.empty() || tensor.shape.size() > 2 ||
        tensor.bytes.empty())
        throw Error(ErrorKind::bad_input, file + ": input_ids is " + std::string(row_of(tensor.dtype).name) + " " +
                                              to_text(tensor.shape) + "; it must be I64 or I32 (rows, tokens)");
    const std::vector<std::int32_t> all =
        wide ? rows_of<std::int64_t>(tensor, file) : rows_of<std::int32_t>(tensor, file);
    const std::int64_t length = tensor.shape.back();
    std::vector<std::vector<std::int32_t>> rows;
    for (auto at = all.begin(); at != all.end(); at += length) rows.emplace_back(at, at + length);
    return rows;
}

void logits_command(const Args& args, Console& console) {
    if (args.out.empty()) throw Error(ErrorKind::usage, "--out is empty; say where to write the logits");
    console.files().reads("--ids", args.ids);
    console.files().writes("--out", args.out, WritingOrder::any);
    std::optional<Recipe> recipe;
    if (!args.recipe.empty()) recipe = read_recipe_with(args.recipe, args.calibration, console);
    Workbench work;
    const auto ids = read_ids(args.ids);
    work.adopt(args.model.open(console));
    try {
        check_token_ids(*work.model(), ids);
    } catch (Error& error) {
        error.add_context("reading the ids in " + args.ids);
        throw;
    }
    std::uint64_t tokens = 0;
    for (const auto& row : ids) tokens += row.size();
    const auto vocabulary = static_cast<std::uint64_t>(work.model()->config().vocabulary);
    check_room(args.out, tokens * vocabulary * sizeof(float)); // before anything is quantized
    std::shared_ptr<const QuantizedModel> quantized;
    if (recipe) quantized = work.quantize(*recipe, false, console.job());
    const HostTensor result = logits(work.model(), quantized, ids, console.job());
    SafetensorsWriter writer(args.out, {{"logits", result.dtype, result.shape}});
    writer.write("logits", result);
    writer.finish();
    console.files().wrote(args.out);
    console.print_json(
        {{"out", args.out}, {"shape", result.shape}, {"stored_quantization", stored_json(*work.model())}});
    console.print(stored_text(*work.model()));
    console.print("logits " + to_text(result.shape) + " -> " + args.out + "\n");
}

} // namespace

Action declare_logits(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_option("--ids", args->ids, "Safetensors file with input_ids (rows, tokens)")
        ->required()
        ->type_name("FILE");
    options.add_option("--out", args->out, "Safetensors file to write: logits (rows, tokens, vocabulary) F32")
        ->required()
        ->type_name("FILE");
    not_empty(options.add_option("--recipe", args->recipe, "Quantize first: a file, a preset or a line"),
              "leave --recipe out for full precision")
        ->type_name("RECIPE");
    args->calibration.declare(options);
    CalibrationInput::only_with_recipe(options);
    return [args](Console& console) { logits_command(*args, console); };
}

} // namespace graticule::cli
