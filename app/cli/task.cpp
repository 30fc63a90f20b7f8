// task: right answers of a model to the items of a task, and which of them a recipe changes.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/answer_task.h"
#include "core/engine/workbench.h"
#include "core/report/json_results.h"

namespace graticule::cli {
namespace {

using nlohmann::json;

struct Args {
    ModelInput model;
    CalibrationInput calibration;
    std::string task, file, labels, shots, recipe;
    std::int64_t items = 0, show = 0;
};

std::string accuracy_text(const TaskRun::Accuracy& accuracy) {
    return percent(accuracy.share, 2) + "  (" + fixed(100 * accuracy.interval.low, 2) + " .. " +
           fixed(100 * accuracy.interval.high, 2) + ")";
}

/// "12 became wrong: line 3, line 9, ... and 4 more"
std::string list_text(const std::vector<std::size_t>& items, const std::string& became, const TaskRun& run) {
    constexpr std::size_t most = 12;
    std::string text = std::to_string(items.size()) + " became " + became;
    for (std::size_t i = 0; i < std::min(most, items.size()); ++i)
        text += (i == 0 ? ": " : ", ") + run.items[items[i]].place;
    if (items.size() > most) text += " and " + std::to_string(items.size() - most) + " more";
    return text + "\n";
}

std::string runs_text(const std::vector<std::shared_ptr<const TaskRun>>& runs) {
    Table table({{"run"}, {"accuracy", Align::right}, {"by score per byte", Align::right}});
    for (const auto& run : runs)
        table.add({run->run_name, accuracy_text(run->accuracy()), accuracy_text(run->accuracy(true))});
    std::string text = table.text() + "in brackets: 95 % interval, %\n" + runs.front()->protocol.text() + ", " +
                       grouped(runs.front()->tokens) + " tokens in " + duration_text(runs.back()->seconds) + "\n";
    if (runs.size() == 1) return text;
    const Flips flips = flips_between(*runs.front(), *runs.back());
    return text + "\nby accuracy: " + std::string(to_text(flips.verdict)) +
           " (McNemar, exact, p = " + significant(flips.p_value, 3) + ")\n" +
           list_text(flips.became_right, "right", *runs.back()) + list_text(flips.became_wrong, "wrong", *runs.back());
}

/// What a model is asked, as it is asked; the right choice marked.
void show_items(const TaskSet& set, std::int64_t most, Console& console) {
    json items = json::array();
    std::string text;
    for (std::size_t i = 0; i < set.items.size() && std::cmp_less(i, most); ++i) {
        const TaskItem& item = set.items[i];
        json choices = json::array();
        text += "--- " + item.place + "\n";
        for (std::size_t choice = 0; choice < item.choices.size(); ++choice) {
            const TaskChoice& of = item.choices[choice];
            choices.push_back({{"context", of.context}, {"continuation", of.continuation}});
            if (choice == 0 || of.context != item.choices[choice - 1].context) text += of.context + "\n";
            text += (choice == item.gold ? "=>" : "->") + of.continuation + "\n";
        }
        items.push_back({{"place", item.place}, {"choices", choices}, {"gold", item.gold}});
    }
    console.print_json({{"task", set.task->name}, {"file", set.name}, {"items_there", set.there}, {"asked", items}});
    console.print(text);
}

void task_command(const Args& args, Console& console) {
    const Task& task = *find_task(args.task);
    for (const auto& [option, file] :
         {std::pair{"--file", &args.file}, {"--file-labels", &args.labels}, {"--file-shots", &args.shots}})
        console.files().reads(option, *file);
    const TaskSet set = load_task(task, {args.file, args.labels, args.shots}, args.items);
    if (args.show > 0) return show_items(set, args.show, console);
    if (task.examples && args.shots.empty())
        console.note("note: zero-shot; papers show five examples, which --file-shots takes");
    std::optional<Recipe> recipe;
    if (!args.recipe.empty()) recipe = read_recipe_with(args.recipe, args.calibration, console);
    Workbench work;
    work.adopt(args.model.open(console));
    std::vector<EvaluationSide> sides(1);
    if (recipe) {
        check_task(set, work.tokenizer(), *work.model(), console.job()); // before the recipe's long work
        sides.push_back({work.quantize(*recipe, false, console.job()), {}});
    }
    const auto runs = answer_task(work.model(), sides, work.tokenizer(), set, console.job());
    json value = to_json(*runs.back(), Timing::include);
    if (recipe) {
        value["baseline"] = to_json(*runs.front(), Timing::include);
        value["flips"] = to_json(flips_between(*runs.front(), *runs.back()), *runs.back());
        value["flips_norm"] = to_json(flips_between(*runs.front(), *runs.back(), true), *runs.back());
        value["bits_per_weight"] = work.quantized()->size().bits_per_weight.actual;
    }
    value["stored_quantization"] = stored_json(*work.model());
    console.print_json(value);
    console.print(runs_text(runs) + stored_text(*work.model()));
}

} // namespace

Action declare_task(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    std::vector<std::string> names;
    std::string fields = "What a line of the file holds (JSON):\n";
    for (const Task& task : all_tasks()) {
        names.emplace_back(task.name);
        fields += "  " + std::string(task.name) + ": " + std::string(task.reads) + "\n";
    }
    options.description(options.get_description() + "\n\n" + fields);
    options.add_option("--task", args->task, "Which task the file holds")
        ->required()
        ->check(CLI::IsMember(names))
        ->type_name("NAME");
    options.add_option("--file", args->file, "Its items")->required()->type_name("FILE");
    not_empty(options.add_option("--file-labels", args->labels, "Answers, one per line, where they come apart (piqa)"),
              "leave --file-labels out where the items hold their answers")
        ->type_name("FILE");
    not_empty(options.add_option("--file-shots", args->shots,
                                 "Solved examples, the first five of each subject come before its questions (mmlu)"),
              "leave --file-shots out for zero-shot")
        ->type_name("FILE");
    options
        .add_option("--items", args->items,
                    "The first so many items, of hellaswag spread over the file; 0: all of them")
        ->check(CLI::Range(0, 100000000))
        ->capture_default_str()
        ->type_name("N");
    options
        .add_option("--show", args->show,
                    "Print what the first so many items ask, word for word, and stop: nothing is answered")
        ->check(CLI::Range(0, 100000000))
        ->type_name("N");
    not_empty(options.add_option("--recipe", args->recipe,
                                 "A file, a preset or a line: also answer with it, and list the answers that change"),
              "leave --recipe out for the model as it is")
        ->type_name("RECIPE");
    args->calibration.declare(options);
    CalibrationInput::only_with_recipe(options);
    return [args](Console& console) { task_command(*args, console); };
}

} // namespace graticule::cli
