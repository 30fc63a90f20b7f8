// Searching recipes under a budget: the integer program against all choices there are, rules that say what was chosen,
// and what is offered.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "core/engine/resources.h"
#include "core/engine/search_recipe.h"
#include "core/recipe/few_rules.h"
#include "core/recipe/layer_rules.h"
#include "core/recipe/scheme_allocation.h"
#include "tests/support/error_message.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

/// The least cost of any choice in the budget, by looking at all of them.
double least_cost(const std::vector<SchemeOptions>& groups, double size, double time = HUGE_VAL) {
    std::vector<std::size_t> choice(groups.size());
    double least = HUGE_VAL;
    for (;;) {
        const SchemeOption sum = sum_of(groups, choice);
        if (sum.size <= size && sum.time <= time) least = std::min(least, sum.cost);
        std::size_t i = 0;
        while (i < groups.size() && ++choice[i] == groups[i].size()) choice[i++] = 0;
        if (i == groups.size()) return least;
    }
}

std::vector<Recipe> recipes_of(const std::vector<std::string>& lines) {
    std::vector<Recipe> recipes;
    for (const std::string& line : lines) recipes.push_back(read_recipe(line));
    return recipes;
}

SearchSpec small_search(double bits) {
    SearchSpec spec;
    spec.budget.bits = bits;
    spec.candidates = recipes_of({"w=int3/asym/g64", "w=int4/asym/g64", "w=int8/asym/channel"});
    spec.fit = {.window = 128, .max_windows = 4, .run_name = {}};
    spec.held_out = {.window = 128, .max_windows = 8, .run_name = {}};
    return spec;
}

std::shared_ptr<const RecipeSearch> search(const std::string& model, const SearchSpec& spec,
                                           BuiltInText fit = BuiltInText::calibration) {
    JobContext ctx;
    Workbench work;
    work.open(resolve_model_path(model), ctx);
    return search_recipe(work, spec, load_text({}, fit), load_text({}, BuiltInText::evaluation), ctx);
}

/// Made: eight windows whose losses rise, every second by `more`.
SearchPoint point_of(const std::string& name, double bits, double divergence, double loss, double more) {
    SearchPoint point;
    point.name = name;
    point.size.bits_per_weight = {bits, bits};
    Evaluation evaluation;
    for (int window = 0; window < 8; ++window) {
        point.divergence.window_means.push_back(divergence + 0.001 * (window % 3));
        evaluation.window_losses.push_back(loss + 0.3 * window + more * (window % 2));
    }
    point.divergence.mean = divergence;
    point.evaluation = std::make_shared<const Evaluation>(evaluation);
    return point;
}

} // namespace

class TestRecipeSearch : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void the_program_finds_the_least_cost() {
        std::mt19937 random(3);
        std::uniform_real_distribution<double> cost(1e-7, 1e-2), size(100, 900);
        for (int round = 0; round < 40; ++round) {
            std::vector<SchemeOptions> groups(6);
            double smallest = 0, largest = 0;
            for (SchemeOptions& options : groups) {
                for (int i = 0; i < 4; ++i) options.push_back({cost(random), size(random)});
                smallest += std::ranges::min(options, {}, &SchemeOption::size).size;
                largest += std::ranges::max(options, {}, &SchemeOption::size).size;
            }
            const double budget = smallest + (largest - smallest) * round / 39;
            const SchemeOption found = sum_of(groups, allocate_schemes(groups, {budget}));
            QVERIFY(found.size <= budget);
            const double least = least_cost(groups, budget);
            QVERIFY2(found.cost <= least * (1 + 2e-6), (std::to_string(found.cost / least)).c_str());
        }
    }

    /// Small, fast and good pull three ways: both limits are held exactly, and nothing cheaper holds them.
    void both_limits_are_held() {
        std::mt19937 random(11);
        std::uniform_real_distribution<double> cost(1e-7, 1e-2), size(100, 900), time(1e-6, 1e-4);
        int met = 0, refused = 0, bound_by_time = 0;
        for (int round = 0; round < 60; ++round) {
            std::vector<SchemeOptions> groups(5);
            double least_size = 0, most_size = 0, least_time = 0, most_time = 0;
            for (SchemeOptions& options : groups) {
                for (int i = 0; i < 4; ++i) options.push_back({cost(random), size(random), time(random)});
                const auto [small, large] = std::ranges::minmax(options, {}, &SchemeOption::size);
                const auto [fast, slow] = std::ranges::minmax(options, {}, &SchemeOption::time);
                least_size += small.size, most_size += large.size, least_time += fast.time, most_time += slow.time;
            }
            const double most = least_size + (most_size - least_size) * (round % 10) / 9;
            const double seconds = least_time + (most_time - least_time) * (round / 10) / 5;
            const double least = least_cost(groups, most, seconds);
            if (std::isinf(least)) {
                const double fastest = sum_of(groups, fastest_choice(groups, most)).time;
                QVERIFY(std::isinf(least_cost(groups, most, fastest * (1 - 2e-6))));
                const std::string message = testing::error_message([&] {
                    (void)allocate_schemes(groups, {most, seconds});
                });
                QVERIFY2(message.find("below the least there is") != std::string::npos &&
                             message.find(std::to_string(fastest)) != std::string::npos,
                         message.c_str());
                ++refused;
                continue;
            }
            const SchemeOption found = sum_of(groups, allocate_schemes(groups, {most, seconds}));
            QVERIFY(found.size <= most && found.time <= seconds);
            QVERIFY2(found.cost <= least * (1 + 2e-6), std::to_string(found.cost / least).c_str());
            bound_by_time += least > least_cost(groups, most) ? 1 : 0;
            ++met;
        }
        QVERIFY2(met > 15 && refused > 5 && bound_by_time > 5, std::to_string(bound_by_time).c_str());
    }

    void a_budget_that_nothing_fits_is_said() {
        const std::vector<SchemeOptions> groups = {{{1, 10}, {0, 20}}, {{1, 10}}};
        QCOMPARE(sum_of(groups, allocate_schemes(groups, {20})).size, 20.0);
        QVERIFY(testing::error_message([&] { (void)allocate_schemes(groups, {19.9}); }).find("20") !=
                std::string::npos);
        const std::string message = testing::error_message([] { (void)search("sample-opt", small_search(2)); });
        QVERIFY2(message.find("2 bits a weight is below") != std::string::npos, message.c_str());
    }

    void rules_say_what_was_chosen_data() {
        QTest::addColumn<QString>("model");
        QTest::newRow("opt") << "sample-opt";
        QTest::newRow("llama") << "sample-llama";
    }
    /// Whatever is chosen (the assertion inside), and patterns of what people would write in as many rules.
    void rules_say_what_was_chosen() {
        QFETCH(QString, model);
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path(model.toStdString()), ctx);
        const auto& linears = opened.model->linears();
        const SchemeChoice coarse = parse_scheme_line("w=int4/asym/g64"), fine = parse_scheme_line("w=int8");
        std::mt19937 random(5);
        for (int round = 0; round < 20; ++round) {
            std::vector<SchemeChoice> choices(linears.size(), coarse);
            for (SchemeChoice& choice : choices)
                if (random() % 3 == 0) choice = random() % 2 == 0 ? fine : SchemeChoice{};
            (void)recipe_with_few_rules(*opened.model, choices);
        }
        const auto rules_of = [&](auto is_fine) {
            std::vector<SchemeChoice> choices;
            for (const Linear& linear : linears) choices.push_back(is_fine(linear) ? fine : coarse);
            return recipe_with_few_rules(*opened.model, choices);
        };
        QVERIFY(rules_of([](const Linear&) { return false; }).rules.empty());
        const Recipe values = rules_of([](const Linear& linear) { return linear.role == Role::v; });
        QCOMPARE(values.rules.size(), std::size_t{1});
        QCOMPARE(values.rules[0].pattern, std::string("*.v_proj"));
        const Recipe blocks = rules_of([](const Linear& linear) { return index_of(linear.block) % 4 == 0; });
        QCOMPARE(blocks.rules.size(), std::size_t{1});
        QCOMPARE(blocks.rules[0].pattern, std::string("{layers.0,layers.4}.*"));
        const Recipe some = rules_of([](const Linear& linear) {
            return (linear.role == Role::v || linear.role == Role::o) && index_of(linear.block) < 2;
        });
        QCOMPARE(some.rules.size(), std::size_t{1});
        QVERIFY(some.defaults == coarse);
    }

    void the_recipe_is_within_its_budget_data() { rules_say_what_was_chosen_data(); }
    void the_recipe_is_within_its_budget() {
        QFETCH(QString, model);
        const auto found = search(model.toStdString(), small_search(4.5));
        const SearchPoint& searched = found->searched;
        QVERIFY(searched.size.bits_per_weight.actual <= 4.5);
        QVERIFY2(searched.size.bits_per_weight.actual > 4.3, "a budget that is hardly used");
        QVERIFY(searched.predicted && searched.divergence.mean > 0);
        QVERIFY(found->best_in_budget && found->best_as_large);
        const SearchPoint& fits = found->uniform[*found->best_in_budget];
        const SearchPoint& larger = found->uniform[*found->best_as_large];
        QVERIFY(fits.size.bits_per_weight.actual <= 4.5);
        QVERIFY(larger.size.bits_per_weight.actual >= searched.size.bits_per_weight.actual);
        // Members of a group agree.
        const std::shared_ptr<const Model> opened = open(model);
        const Model& base = *opened;
        const LayerRules rules(searched.recipe);
        for (const LinearGroup& group : linear_groups(base, Grouping::fused))
            for (const LayerId layer : group.layers)
                QVERIFY(rules.scheme_of(base.linear(layer)) == rules.scheme_of(base.linear(group.layers.front())));
        // Offered only by proof.
        const bool proven = found->against_in_budget->divergence.interval.high < 0 &&
                            found->against_as_large->divergence.interval.high < 0;
        QCOMPARE(found->beats_uniform, proven);
        QCOMPARE(found->offered(), proven ? &found->searched : &fits);
        QVERIFY(found->verdict().find(proven ? "it is offered" : fits.name + " is offered") != std::string::npos);
    }

    /// Predictions are float32 and say so; a type that is asked for holds for what is measured, and is named there.
    void both_types_are_named() {
        JobContext ctx;
        Workbench work;
        work.open(resolve_model_path("sample-opt"), ctx);
        SearchSpec spec = small_search(4.5);
        spec.held_out.max_windows = 2;
        const auto types = [&](Compute asked) {
            ctx.execution.compute = asked;
            const auto found = search_recipe(work, spec, load_text({}, BuiltInText::calibration),
                                             load_text({}, BuiltInText::evaluation), ctx);
            return std::pair(found->sensitivity->protocol.execution.compute,
                             found->baseline->protocol.execution.compute);
        };
        QVERIFY(types(Compute::automatic) == std::pair(Compute::float32, Compute::float32));
        QVERIFY(types(Compute::bfloat16) == std::pair(Compute::float32, Compute::bfloat16));
    }

    /// Less divergence is no proof where the perplexity is higher beyond chance.
    void what_is_offered_has_no_higher_perplexity() {
        RecipeSearch search;
        search.budget.bits = 4.5;
        search.searched = point_of("searched", 4.5, 0.10, 3.0, 0.001);
        search.uniform = {point_of("smaller", 4.2, 0.20, 3.1, 0.001), point_of("larger", 4.6, 0.15, 3.2, 0.001)};
        search.judge();
        QVERIFY(search.beats_uniform && search.offered() == &search.searched);
        search.uniform[1] = point_of("larger", 4.6, 0.15, 2.9, 0.001);
        search.judge();
        QVERIFY(search.against_as_large->divergence.interval.high < 0);
        QVERIFY(!search.beats_uniform && search.offered() == &search.uniform[0]);
        const std::string verdict = search.verdict();
        QVERIFY2(verdict.find("in perplexity by +10.5") != std::string::npos &&
                     verdict.find("beyond chance") != std::string::npos &&
                     verdict.find("smaller is offered") != std::string::npos,
                 verdict.c_str());
    }

    /// A uniform recipe over the time is no rival, however good, and the searched one is not offered if it is.
    void rivals_hold_the_time() {
        const auto timed = [](const std::string& name, double bits, double divergence, double seconds) {
            SearchPoint point = point_of(name, bits, divergence, 3, 0);
            point.seconds = seconds;
            return point;
        };
        RecipeSearch search;
        search.budget.bits = 4.5;
        search.searched = timed("searched", 4.4, 0.10, 0.0039);
        search.uniform = {timed("slow", 4.3, 0.05, 0.0041), timed("fast", 4.2, 0.20, 0.0030),
                          timed("large and slow", 4.6, 0.02, 0.0050), timed("large", 5.0, 0.15, 0.0035)};
        search.judge();
        QCOMPARE(search.best_in_budget, std::optional(std::size_t{0}));
        QVERIFY(!search.beats_uniform);
        search.times = SearchTimes{{0.004, {SpeedPhase::decode, 4, 1, 0}}, {}, {}};
        search.judge();
        QCOMPARE(search.best_in_budget, std::optional(std::size_t{1}));
        QCOMPARE(search.best_as_large, std::optional(std::size_t{3}));
        QVERIFY(search.beats_uniform);
        QCOMPARE(search.budget_text(),
                 std::string("4.5 bits a weight and 4 ms of linears in a decode step of 4 sequences"));
        search.searched.predicted_seconds = 0.0039;
        search.searched.seconds = 0.0042;
        search.judge();
        QVERIFY(!search.beats_uniform && search.offered() == &search.uniform[1]);
        QVERIFY2(search.verdict().find("its linears take 4.2 ms and not the 3.9 ms") != std::string::npos,
                 search.verdict().c_str());
    }

    /// What times say is measured on this machine: a limit that binds nothing changes nothing, and one below all is
    /// refused with the least there is, before anything is predicted.
    void linears_are_timed() {
        SearchSpec spec = small_search(4.5);
        spec.held_out.max_windows = 2;
        spec.time = TimeBudget{1e-9, {SpeedPhase::decode, 2, 1, 1 << 20}};
        JobContext ctx;
        Workbench work;
        work.open(resolve_model_path("sample-opt"), ctx);
        const auto run = [&] {
            return search_recipe(work, spec, load_text({}, BuiltInText::calibration),
                                 load_text({}, BuiltInText::evaluation), ctx);
        };
        const std::string message = testing::error_message([&] { (void)run(); });
        QVERIFY2(message.find("1e-06 ms of linears in a decode step of 2 sequences is below the least there is") !=
                     std::string::npos,
                 message.c_str());
        QCOMPARE(ctx.progress.snapshot().stage, std::string("Timing 3 candidates"));
        spec.time->seconds = 60;
        const auto found = run();
        QVERIFY(found->times.has_value());
        const SearchTimes& times = *found->times;
        QCOMPARE(times.candidates.size(), spec.candidates.size());
        const Model& model = *work.model();
        QCOMPARE(times.budget.pass.before, model.config().max_positions - 1);
        for (const LinearTimes& candidate : times.candidates) {
            std::int64_t linears = 0;
            for (const LinearTime& time : candidate.kinds) {
                QVERIFY2(time.seconds > 0 && !time.kernel.empty(), time.kind.c_str());
                linears += time.linears;
            }
            QCOMPARE(linears, std::ssize(model.linears()));
        }
        double sum = 0; // of what was chosen
        for (std::size_t i = 0; i < found->choice.size(); ++i)
            for (const LayerId layer : found->sensitivity->schemes[found->choice[i]].layers[i].layers)
                sum += times.candidates[found->choice[i]].seconds_of_one(to_text(model.linear(layer).role));
        QVERIFY(std::abs(*found->searched.predicted_seconds / sum - 1) < 1e-9);
        QVERIFY(found->searched.seconds > 0.0);
        for (const SearchPoint& point : found->uniform) QVERIFY(point.seconds > 0.0);
        spec.time.reset();
        const auto without = run();
        QCOMPARE(without->choice, found->choice);
        QVERIFY(!without->times && !without->searched.seconds && !without->searched.predicted_seconds);
        spec.time = TimeBudget{1, {SpeedPhase::prefill, 1, 1 << 20, 0}};
        QVERIFY(testing::error_message([&] { (void)run(); }).find("positions") != std::string::npos);
    }

    /// What cannot come to anything is refused before anything is quantized.
    void bad_searches_are_refused_at_once_data() {
        QTest::addColumn<double>("bits");
        QTest::addColumn<QStringList>("candidates");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* name, double bits, const QStringList& candidates, const char* says) {
            QTest::newRow(name) << bits << candidates << QString::fromLatin1(says);
        };
        row("budget", 3, {"w=int4/asym/g64 gptq", "w=int8 gptq"}, "3 bits a weight is below");
        row("folded", 4.5, {"w=int4 smoothquant", "w=int8"}, "smoothquant changes tensors beside the linears");
        row("attention", 4.5, {"w=int4", "w=int5 q=int4"}, "attention's operand query differently");
        row("twice", 4.5, {"w=int4", "w=int4"}, "is there twice");
    }
    void bad_searches_are_refused_at_once() {
        QFETCH(double, bits);
        QFETCH(QStringList, candidates);
        QFETCH(QString, says);
        SearchSpec spec = small_search(bits);
        spec.candidates.clear();
        for (const QString& line : candidates) spec.candidates.push_back(read_recipe(line.toStdString()));
        JobContext ctx;
        Workbench work;
        work.open(resolve_model_path("sample-opt"), ctx);
        const std::string before = ctx.progress.snapshot().stage;
        const std::string message = testing::error_message([&] {
            (void)search_recipe(work, spec, load_text({}, BuiltInText::calibration),
                                load_text({}, BuiltInText::evaluation), ctx);
        });
        QVERIFY2(message.find(says.toStdString()) != std::string::npos, message.c_str());
        QCOMPARE(ctx.progress.snapshot().stage, before);
    }

    /// Candidates pass the file together.
    void candidates_are_quantized_in_one_pass() {
        JobContext ctx;
        std::set<std::string> stages;
        Workbench work;
        work.open(resolve_model_path("sample-opt"), ctx);
        ctx.log = [&](const std::string&) { stages.insert(ctx.progress.snapshot().stage); };
        const SearchSpec spec = small_search(4.5);
        (void)search_recipe(work, spec, load_text({}, BuiltInText::calibration), load_text({}, BuiltInText::evaluation),
                            ctx);
        QVERIFY(stages.contains("Quantizing 3 recipes")); // "quantized 48 layers" is said while it is the stage
    }

    /// A budget in bytes is one of the whole model.
    void bytes_are_counted_as_sizes_are() {
        SearchSpec spec = small_search(0);
        spec.budget = {std::nullopt, 8'300'000};
        const auto found = search("sample-llama", spec);
        QVERIFY(found->searched.size.bytes <= 8'300'000);
        QVERIFY(found->searched.size.bytes > 8'200'000);
    }

    /// What the search chooses from must not contain its own judge.
    void the_same_text_twice_is_refused() {
        SearchSpec spec = small_search(4.5); // other windows of it are no other text
        const std::string message =
            testing::error_message([&] { (void)search("sample-opt", spec, BuiltInText::evaluation); });
        QVERIFY2(message.find("must be measured on another") != std::string::npos, message.c_str());
    }

    void candidates_are_one_scheme() {
        SearchSpec spec = small_search(4.5);
        spec.candidates[1].rules.push_back({"*.v_proj", false, parse_scheme_line("w=int8")});
        const std::string message = testing::error_message([&] { (void)search("sample-opt", spec); });
        QVERIFY2(message.find("a candidate is one scheme") != std::string::npos, message.c_str());
    }

private:
    static std::shared_ptr<const Model> open(const QString& model) {
        JobContext ctx;
        return open_model(resolve_model_path(model.toStdString()), ctx).model;
    }
};

GRATICULE_TEST(TestRecipeSearch);
#include "tst_recipe_search.moc"
