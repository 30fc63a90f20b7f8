// What a person sees of a recipe: a prompt continued by both, and the passages of a text that suffer most.
#include <QtTest/QTest>

#include <algorithm>

#include "core/engine/continue_prompt.h"
#include "core/engine/resources.h"
#include "core/report/html_report.h"
#include "core/result/passages.h"
#include "tests/support/error_message.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestBeforeAndAfter : public QObject {
    Q_OBJECT

    OpenedModel opened_;
    std::vector<EvaluationSide> sides_;
    JobContext ctx_;

private Q_SLOTS:
    void initTestCase() {
        opened_ = open_model(resolve_model_path("sample-llama"), ctx_);
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int3/asym/g64");
        sides_ = {{nullptr, {}},
                  {quantize(opened_.model, nullptr, *resolve(recipe, *opened_.model).resolved, ctx_), {}}};
    }

    void every_token_is_the_most_likely_one() {
        const std::string prompt = "It was a dark night, and";
        const auto runs = continue_prompt(opened_.model, sides_, *opened_.tokenizer, prompt, 8, ctx_);
        QCOMPARE(runs.size(), std::size_t{2});
        QCOMPARE(runs[0].run_name, std::string("full precision"));
        for (std::size_t side = 0; side < 2; ++side) {
            std::vector<std::int32_t> ids = opened_.tokenizer->encode(prompt);
            for (const std::int32_t token : runs[side].tokens) {
                const HostTensor all = logits(opened_.model, sides_[side].quantized, {ids}, ctx_);
                const std::vector<float> values = to_floats(all);
                const auto last = values.end() - all.shape.back();
                QCOMPARE(token, std::int32_t(std::max_element(last, values.end()) - last));
                ids.push_back(token);
            }
            QCOMPARE(prompt + runs[side].text, opened_.tokenizer->decode(ids));
        }
        const auto parting = first_parting(runs[0], runs[1]);
        QVERIFY(parting.has_value());
        QVERIFY(std::equal(runs[0].tokens.begin(), runs[0].tokens.begin() + std::ptrdiff_t(*parting),
                           runs[1].tokens.begin()));
        QVERIFY(runs[0].tokens[*parting] != runs[1].tokens[*parting]);
        QVERIFY(!first_parting(runs[0], runs[0]));
        const Continuation shorter{{}, {runs[0].tokens.front()}, {}, 0};
        QCOMPARE(first_parting(runs[0], shorter).value(), std::size_t{1});
    }

    void what_does_not_fit_is_refused() {
        const std::string message = testing::error_message([&] {
            static_cast<void>(continue_prompt(opened_.model, sides_, *opened_.tokenizer, "It was", 100000, ctx_));
        });
        QVERIFY2(message.find("ask for fewer") != std::string::npos, message.c_str());
    }

    void worst_passages_come_first_with_their_text() {
        EvaluationSpec spec;
        spec.window = 65;
        spec.max_windows = 3;
        spec.predictions = true;
        const Corpus text = load_text({}, BuiltInText::evaluation);
        const auto runs = evaluate_together(opened_.model, sides_, *opened_.tokenizer, text, spec, ctx_);
        const auto all = worst_passages(*runs[0], *runs[1], *opened_.tokenizer, 100, 20);
        QCOMPARE(all.size(), std::size_t{3 * 4}); // 20, 20, 20 and 4 targets of each window
        // This tokenizer's byte for a line's end is among its special tokens, which decoding leaves out, as the
        // tokenizers library does.
        std::string words = text.text;
        std::erase(words, '\n');
        double sum = 0;
        std::size_t tokens = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i > 0) QVERIFY(all[i].mean <= all[i - 1].mean);
            std::string shown;
            double mean = 0;
            for (const PassageToken& token : all[i].tokens) {
                shown += token.text;
                mean += token.divergence / double(all[i].tokens.size());
                sum += token.divergence;
                ++tokens;
            }
            QVERIFY(std::abs(mean - all[i].mean) < 1e-9);
            // The words of the text, as they stand there.
            QVERIFY2(words.find(shown) != std::string::npos, shown.c_str());
            QVERIFY(!shown.empty());
        }
        QCOMPARE(tokens, std::size_t{3 * 64});
        const Divergence divergence = divergence_between(*runs[0], *runs[1]).value();
        QVERIFY(std::abs(sum / 192 - divergence.mean) < 1e-9);
        // Where both agree on the first choice they show the same word.
        const auto worst = worst_passages(*runs[0], *runs[1], *opened_.tokenizer, 1);
        QCOMPARE(worst.size(), std::size_t{1});
        const auto start = std::size_t(worst[0].window * 64 + worst[0].first - 1);
        for (std::size_t i = 0; i < worst[0].tokens.size(); ++i)
            if (runs[0]->predictions[start + i].choice == runs[1]->predictions[start + i].choice)
                QCOMPARE(worst[0].tokens[i].choice, worst[0].tokens[i].baseline_choice);
        const std::string page = divergence_html(*runs[1], divergence, worst);
        QVERIFY(page.find("rgba(220,50,40,") != std::string::npos && page.find("full precision") != std::string::npos);
        QCOMPARE(std::size_t(std::ranges::count(page, '\0')), std::size_t{0});
        std::size_t spans = 0;
        for (auto at = page.find("<span"); at != std::string::npos; at = page.find("<span", at + 1)) ++spans;
        QCOMPARE(spans, worst[0].tokens.size());
    }
};

GRATICULE_TEST(TestBeforeAndAfter);
#include "tst_before_and_after.moc"
