// Tasks: prompts and readers, answers against transformers, what a recipe changes.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>

#include "core/engine/answer_task.h"
#include "core/engine/resources.h"
#include "tests/support/error_message.h"
#include "tests/support/measures_fixture.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using testing::error_message;

namespace {

/// JSON written with single quotes: moc does not see classes behind raw strings in macros.
std::string quoted(std::string text) {
    std::ranges::replace(text, '\'', '"');
    return text;
}

/// Items with choices of few and of many tokens.
std::string of_unequal_length() {
    std::string items;
    for (const char* choice : {"the sea", "a very long way from home and never back", "no", "so it was"})
        items += (quoted("{'context': 'They went to', 'choices': ['")) + choice +
                 quoted("', 'sleep', 'the end of the world'], 'gold': 1}") + "\n";
    return items;
}

} // namespace

class TestTasks : public QObject {
    Q_OBJECT

    testing::TemporaryFolder folder_;

    [[nodiscard]] TaskSet load(const char* task, const std::string& text, std::int64_t items = 0) const {
        return load_task(*find_task(task), {.file = folder_.write("items", text)}, items);
    }
    [[nodiscard]] TaskItem only(const char* task, const std::string& text) const {
        return load(task, text).items.at(0);
    }

private Q_SLOTS:
    void every_task_is_a_row() {
        for (const char* name : {"piqa", "arc_easy", "arc_challenge", "hellaswag", "winogrande", "boolq", "lambada",
                                 "mmlu", "multiple_choice"})
            QVERIFY2(find_task(name) != nullptr, name);
        for (const Task& task : all_tasks()) QVERIFY(find_task(task.name) == &task && task.read && !task.reads.empty());
        QVERIFY(find_task("squad") == nullptr);
    }

    void prompts_are_those_of_the_harness() {
        const TaskItem piqa = only("piqa", quoted("{'goal': 'Do it', 'sol1': 'so', 'sol2': 'or so', 'label': 1}"));
        QCOMPARE(piqa.choices[1].context, std::string("Question: Do it\nAnswer:"));
        QCOMPARE(piqa.choices[1].continuation, std::string(" or so"));
        QCOMPARE(piqa.gold, std::size_t{1});
        QCOMPARE(piqa.place, std::string("line 1"));

        const TaskItem keyed = only("arc_easy", quoted("{'question': 'Which?', 'choices': {'text': ['a', 'b', 'c'], "
                                                       "'label': ['1', '2', '3']}, 'answerKey': '3'}"));
        QCOMPARE(keyed.choices.size(), std::size_t{3});
        QCOMPARE(keyed.gold, std::size_t{2});
        QCOMPARE(keyed.choices[2].context, std::string("Question: Which?\nAnswer:"));
        QCOMPARE(only("arc_challenge", quoted("{'question': 'W', 'choices': ['a', 'b'], 'gold': 1}")).gold,
                 std::size_t{1});

        const TaskItem text = only("hellaswag", "A man: he\n2\nruns.\nwalks.\nsits.\nflies.\n");
        QCOMPARE(text.choices[2].context + text.choices[2].continuation, std::string("A man: he sits."));
        QCOMPARE(text.gold, std::size_t{2});
        const TaskItem record = only(
            "hellaswag", quoted("{'activity_label': 'Roof', 'ctx_a': 'A [substeps] man  is up.', 'ctx_b': 'HE then',") +
                             quoted(" 'endings': ['goes [title] down.', 'b', 'c', 'd'], 'label': '0'}"));
        QCOMPARE(record.choices[0].context, std::string("Roof: A man is up. He then"));
        QCOMPARE(record.choices[0].continuation, std::string(" goes. down."));

        const TaskItem gap = only("winogrande", quoted("{'sentence': 'Ann told Bea that _ won.', 'option1': 'Ann',") +
                                                    quoted(" 'option2': 'Bea', 'answer': '2'}"));
        QCOMPARE(gap.choices[0].context, std::string("Ann told Bea that Ann"));
        QCOMPARE(gap.choices[1].context, std::string("Ann told Bea that Bea"));
        QCOMPARE(gap.choices[1].continuation, std::string(" won."));
        QCOMPARE(gap.gold, std::size_t{1});

        const TaskItem yes = only("boolq", quoted("{'passage': 'It is.', 'question': 'is it', 'answer': true}"));
        QCOMPARE(yes.choices[yes.gold].context + yes.choices[yes.gold].continuation,
                 std::string("It is.\nQuestion: is it?\nAnswer: yes"));

        const TaskItem last = only("lambada", quoted("{'text': 'She saw the sea'}"));
        QCOMPARE(last.choices.size(), std::size_t{1});
        QCOMPARE(last.choices[0].context, std::string("She saw the"));
        QCOMPARE(last.choices[0].continuation, std::string(" sea"));

        const TaskItem own =
            only("multiple_choice", quoted("{'context': '2 + 2 =', 'choices': ['4', '5'], 'gold': 0}"));
        QCOMPARE(own.choices[0].context + own.choices[0].continuation, std::string("2 + 2 = 4"));
    }

    /// As the harness publishes it: description, five solved questions of the subject, the question.
    void mmlu_shows_five_examples_of_the_subject() {
        const auto line = [](const std::string& subject, const std::string& question, int answer) {
            return quoted("{'question': '") + question + quoted("', 'subject': '") + subject +
                   quoted("', 'choices': ['w', 'x', 'y', 'z'], 'answer': ") + std::to_string(answer) + "}\n";
        };
        std::string examples;
        for (int i = 0; i < 7; ++i) examples += line("high_school_art", "q" + std::to_string(i), i % 4);
        examples += line("law", "other", 0);
        const TaskSet set =
            load_task(*find_task("mmlu"), {.file = folder_.write("items", line("high_school_art", " Why? ", 3)),
                                           .examples = folder_.write("examples", examples)});
        const auto solved = [](const std::string& question, char letter) {
            return question + "\nA. w\nB. x\nC. y\nD. z\nAnswer: " + letter + "\n\n";
        };
        QCOMPARE(set.items[0].choices[3].context,
                 "The following are multiple choice questions (with answers) about high school art.\n\n" +
                     solved("q0", 'A') + solved("q1", 'B') + solved("q2", 'C') + solved("q3", 'D') + solved("q4", 'A') +
                     "Why?\nA. w\nB. x\nC. y\nD. z\nAnswer:");
        QCOMPARE(set.items[0].choices[3].continuation, std::string(" D"));
        QCOMPARE(set.examples, std::size_t{5});
        const std::string message = error_message([&] {
            static_cast<void>(load_task(*find_task("mmlu"), {.file = folder_.write("items", line("music", "q", 0)),
                                                             .examples = folder_.write("examples", examples)}));
        });
        QVERIFY2(message.find("no example of the subject \"music\"") != std::string::npos, message.c_str());
    }

    void fewer_items_are_the_first_or_spread() {
        std::string lambada, hellaswag;
        for (int i = 0; i < 11; ++i) {
            lambada += quoted("{'text': 'word ") + std::to_string(i) + "\"}\n";
            hellaswag += "context " + std::to_string(i) + "\n0\na\nb\nc\nd\n\n";
        }
        const TaskSet first = load("lambada", lambada, 3), spread = load("hellaswag", hellaswag, 3);
        QCOMPARE(first.items.size(), std::size_t{3});
        QCOMPARE(first.items[2].choices[0].continuation, std::string(" 2"));
        QCOMPARE(spread.items.size(), std::size_t{3});
        QCOMPARE(spread.items[2].choices[0].context, std::string("context 6")); // every third
        QCOMPARE(spread.items[2].place, std::string("line 43"));
        QCOMPARE(load("hellaswag", hellaswag, 100).items.size(), std::size_t{11});
        QCOMPARE(spread.there, std::size_t{11});
    }

    void a_bad_file_is_told_by_line_and_field_data() {
        QTest::addColumn<QString>("task");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QStringList>("says");
        QTest::newRow("no JSON") << "piqa"
                                 << "{\"goal\": \n"
                                 << QStringList{"items, line 1"};
        QTest::newRow("no object") << "piqa"
                                   << "[1]\n"
                                   << QStringList{"line 1", "not a JSON object", "goal, sol1"};
        QTest::newRow("missing") << "piqa"
                                 << "\n{\"goal\": \"g\", \"sol1\": \"a\"}\n"
                                 << QStringList{"line 2", "\"sol2\" is missing", "goal, sol1"};
        QTest::newRow("kind") << "boolq"
                              << "{\"passage\": \"p\", \"question\": \"q\", \"answer\": \"yes\"}"
                              << QStringList{"\"answer\" is not true or false"};
        QTest::newRow("range") << "mmlu"
                               << QString::fromStdString(quoted(
                                      "{'question': 'q', 'subject': 's', 'choices': ['a','b','c','d'], 'answer': 4}"))
                               << QStringList{"\"answer\" is not a number from 0 to 3"};
        QTest::newRow("key")
            << "arc_easy"
            << QString::fromStdString(
                   quoted("{'question': 'q', 'choices': {'text': ['a','b'], 'label': ['A','B']}, 'answerKey': 'C'}"))
            << QStringList{"answerKey", "one of the labels"};
        QTest::newRow("no gap") << "winogrande"
                                << QString::fromStdString(
                                       quoted("{'sentence': 'none', 'option1': 'a', 'option2': 'b', 'answer': '1'}"))
                                << QStringList{"\"sentence\"", "\"_\""};
        QTest::newRow("one word") << "lambada" << QString::fromStdString(quoted("{'text': 'word'}"))
                                  << QStringList{"several words"};
        QTest::newRow("five lines") << "hellaswag"
                                    << "c\n0\na\nb\nc\n"
                                    << QStringList{"5 lines", "six per item"};
        QTest::newRow("index") << "hellaswag"
                               << "c\n7\na\nb\nc\nd\n"
                               << QStringList{"\"label\" is not a number from 0 to 3"};
        QTest::newRow("empty") << "piqa"
                               << "\n \n"
                               << QStringList{"holds no lines"};
        QTest::newRow("gzip") << "mmlu" << QString::fromLatin1("\x1f\x8b\x08") << QStringList{"compressed", "gunzip"};
    }
    void a_bad_file_is_told_by_line_and_field() {
        QFETCH(QString, task);
        QFETCH(QString, text);
        QFETCH(QStringList, says);
        const std::string message =
            error_message([&] { static_cast<void>(load(task.toLatin1().constData(), text.toLatin1().toStdString())); });
        for (const QString& part : says)
            QVERIFY2(message.find(part.toStdString()) != std::string::npos, message.c_str());
    }

    /// As many as were shown are said, and questions are no examples of themselves.
    void examples_are_counted() {
        const std::string line =
            quoted("{'question': 'q', 'subject': 's', 'choices': ['a','b','c','d'], 'answer': 1}") + "\n";
        const auto items = folder_.write("questions", line + line);
        const auto with = [&](const std::filesystem::path& examples) {
            return load_task(*find_task("mmlu"), {.file = items, .examples = examples});
        };
        QCOMPARE(with(folder_.write("examples", line + line)).examples, std::size_t{2});
        const std::string message = error_message([&] { static_cast<void>(with(items)); });
        QVERIFY2(message.find("holds the questions themselves") != std::string::npos, message.c_str());
    }

    void a_byte_order_mark_is_no_part_of_the_text() {
        const TaskSet set = load("boolq", "\xef\xbb\xbf{\"passage\": \"p\", \"question\": \"q\", \"answer\": true}");
        QCOMPARE(set.items.size(), std::size_t{1});
    }

    void blank_choices_are_refused() {
        const std::string message = error_message([&] {
            static_cast<void>(load("multiple_choice", quoted("{'context': 'x', 'choices': ['a', ' '], 'gold': 0}")));
        });
        QVERIFY2(message.find("\"choice 2\" is missing, a text that is not blank") != std::string::npos,
                 message.c_str());
    }

    void labels_belong_to_their_items() {
        const auto items = folder_.write("items", quoted("{'goal': 'g', 'sol1': 'a', 'sol2': 'b'}") + "\n" +
                                                      quoted("{'goal': 'h', 'sol1': 'a', 'sol2': 'b'}"));
        const auto with = [&](const char* task, const std::string& labels) {
            return load_task(*find_task(task), {.file = items, .labels = folder_.write("labels", labels)});
        };
        QCOMPARE(with("piqa", "1\n0\n").items[0].gold, std::size_t{1});
        QCOMPARE(with("piqa", "1\n0\n").items[1].gold, std::size_t{0});
        const auto message = [&](const char* task, const std::string& labels) {
            return error_message([&] { static_cast<void>(with(task, labels)); });
        };
        QVERIFY(message("piqa", "1\n").find("1 labels for the 2 items") != std::string::npos);
        QVERIFY(message("piqa", "1\ntwo\n").find("line 2: the file of labels has \"two\"") != std::string::npos);
        QVERIFY(message("boolq", "1\n0\n").find("leave the file of labels out") != std::string::npos);
    }

    /// Choices of unequal length, at a time and one by one.
    void batches_change_no_figure() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-llama"), ctx);
        const TaskSet together = load("multiple_choice", of_unequal_length());
        const EvaluationSide side;
        const auto all = answer_task(opened.model, std::span(&side, 1), *opened.tokenizer, together, ctx).front();
        for (std::size_t i = 0; i < together.items.size(); ++i) {
            TaskSet alone = together;
            alone.items = {together.items[i]};
            const auto one = answer_task(opened.model, std::span(&side, 1), *opened.tokenizer, alone, ctx).front();
            for (std::size_t choice = 0; choice < 3; ++choice)
                QVERIFY(std::abs(one->items[0].scores[choice] - all->items[i].scores[choice]) < 2e-5);
            QCOMPARE(one->items[0].right, all->items[i].right);
        }
        QCOMPARE(all->protocol.text(), std::string("multiple_choice, all 4 items of items, zero-shot, float32"));
    }

    void what_is_too_long_loses_its_beginning() {
        JobContext ctx;
        std::vector<std::string> told;
        ctx.log = [&](const std::string& line) { told.push_back(line); };
        const OpenedModel opened = open_model(resolve_model_path("sample-opt"), ctx);
        std::string words;
        for (int i = 0; i < 2500; ++i) words += " sea";
        const TaskSet set = load("lambada", quoted("{'text': 'It is the") + words + "\"}");
        const EvaluationSide side;
        const auto run = answer_task(opened.model, std::span(&side, 1), *opened.tokenizer, set, ctx).front();
        QCOMPARE(run->shortened, std::int64_t{1});
        QCOMPARE(run->tokens, std::int64_t{2049}); // all positions, and the answer
        QVERIFY(std::ranges::any_of(
            told, [](const std::string& line) { return line.find("lost their beginning") != std::string::npos; }));
        // The last 2,048 tokens of the context, and what the model says after them.
        const TaskChoice& asked = set.items[0].choices[0];
        const auto context = opened.tokenizer->encode(asked.context),
                   answer = opened.tokenizer->encode(asked.context + asked.continuation);
        QCOMPARE(answer.size(), context.size() + 1);
        const std::vector<float> last =
            to_floats(logits(opened.model, nullptr, {{context.end() - 2048, context.end()}}, ctx));
        const std::span row = std::span(last).last(std::size_t(opened.model->config().vocabulary));
        double sum = 0;
        for (const float logit : row) sum += std::exp(double(logit) - double(row[0]));
        const double expected = double(row[std::size_t(answer.back())]) - double(row[0]) - std::log(sum);
        QVERIFY(std::abs(run->items[0].scores[0] - expected) < 1e-4);
    }

    void flips_are_the_items_that_changed() {
        const auto run_of = [](const std::string& correct) {
            TaskRun run;
            for (const char digit : correct) {
                AnsweredItem& item = run.items.emplace_back();
                item.right = digit == '1';
                item.right_norm = digit == '0';
            }
            return run;
        };
        const TaskRun before = run_of("1110001111"), after = run_of("1101000000");
        const Flips flips = flips_between(before, after);
        QCOMPARE(flips.became_right, (std::vector<std::size_t>{3}));
        QCOMPARE(flips.became_wrong, (std::vector<std::size_t>{2, 6, 7, 8, 9}));
        QVERIFY(std::abs(flips.p_value - 14.0 / 64) < 1e-12); // 2 (1 + 6) / 2^6
        QVERIFY(flips.verdict == Verdict::indistinguishable);
        QVERIFY(flips_between(run_of("111111"), run_of("000000")).verdict == Verdict::worse);
        // Five that all got worse have p = 1/16 at best, so nothing was asked; where none changed, the answers agree.
        QVERIFY(flips_between(run_of("111111"), run_of("100000")).verdict == Verdict::undecided);
        QVERIFY(flips_between(run_of("111111"), run_of("111111")).verdict == Verdict::indistinguishable);
        QVERIFY(flips_between(run_of("111111"), run_of("000000"), true).verdict == Verdict::better);
        QCOMPARE(before.accuracy().share, 0.7);
        QCOMPARE(before.accuracy().correct, std::string("1110001111"));
        QCOMPARE(before.accuracy(true).right, std::int64_t{3});
        // Under way, items that are pending count nowhere.
        TaskRun growing = after;
        for (const std::size_t item : {2, 6, 7}) growing.items[item].pending = true;
        QCOMPARE(growing.answered(), std::int64_t{7});
        QCOMPARE(growing.accuracy().correct, std::string("1110000").replace(2, 1, "1"));
        QCOMPARE(flips_between(before, growing).became_wrong, (std::vector<std::size_t>{8, 9}));
    }

    /// Told whenever all sides have answered an item; the last is what comes back.
    void answers_are_told_as_they_come() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-llama"), ctx);
        const TaskSet set = load("multiple_choice", of_unequal_length());
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int3/asym/g64");
        const EvaluationSide sides[] = {
            {}, {quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx), {}}};
        std::vector<std::int64_t> answered;
        std::vector<TaskRun> last;
        const auto runs = answer_task(opened.model, sides, *opened.tokenizer, set, ctx, [&](auto so_far) {
            QCOMPARE(so_far.size(), std::size_t{2});
            QCOMPARE(so_far[0]->answered(), so_far[1]->answered());
            answered.push_back(so_far[0]->answered());
            last = {*so_far[0], *so_far[1]};
        });
        QCOMPARE(answered, (std::vector<std::int64_t>{1, 2, 3, 4}));
        for (std::size_t side = 0; side < 2; ++side) {
            QCOMPARE(last[side].accuracy().correct, runs[side]->accuracy().correct);
            QCOMPARE(runs[side]->answered(), std::int64_t{4});
            for (const AnsweredItem& item : runs[side]->items) QCOMPARE(item.choice() == item.gold, item.right);
        }
    }

    void answers_agree_with_transformers_data() { testing::task_rows("sample-opt"); }
    void answers_agree_with_transformers() {
        QFETCH(QString, line);
        QFETCH(QString, task);
        GRATICULE_NEEDS_SHARED("fixtures/measures/sample-opt.json");
        GRATICULE_NEEDS_SHARED("data/zeroshot");
        testing::check_task("sample-opt", resolve_model_path("sample-opt"), line.toStdString(), task.toStdString(), 24);
    }
};

GRATICULE_TEST(TestTasks);
#include "tst_tasks.moc"
