// Texts that grow token by token: what is said of them with keys and values kept is what a pass over the whole says.
#include <QtTest/QTest>

#include <algorithm>
#include <initializer_list>

#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "core/io/checkpoint.h"
#include "core/runtime/decoder.h"
#include "core/runtime/model_runner.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

using Ids = std::vector<std::int32_t>;

/// A family's folder in ../shared, or a sample's name; and a text of 40 tokens for it.
struct Subject {
    std::shared_ptr<const Model> model;
    Ids ids;
};

Subject open_subject(const std::string& name, JobContext& ctx) {
    if (name.starts_with("sample")) {
        Ids ids;
        for (std::int32_t id = 3; std::ssize(ids) < 40; id = id * 7 % 4999) ids.push_back(id);
        return {open_model(resolve_model_path(name), ctx).model, ids};
    }
    const auto folder = testing::shared_dir() / "fixtures/families" / name;
    const HostTensor rows = open_checkpoint(folder / "expected.safetensors")->tensor("input_ids");
    const auto* first = reinterpret_cast<const std::int64_t*>(rows.bytes.data());
    return {open_model(folder, ctx).model, Ids(first, first + rows.columns())};
}

std::shared_ptr<const QuantizedModel> under(const std::string& line, const Subject& subject, JobContext& ctx) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    return quantize(subject.model, nullptr, *resolve(recipe, *subject.model).resolved, ctx);
}

/// Logits of the last token of the first `tokens` of the text, from a pass over all of them.
std::vector<float> whole_pass(ModelRunner& runner, std::span<const std::int32_t> text, JobContext& ctx) {
    std::vector<float> all = to_floats(runner.logits(std::span(&text, 1), ctx));
    all.erase(all.begin(), all.end() - std::ssize(all) / std::ssize(text));
    return all;
}

double worst_difference(std::span<const float> a, std::span<const float> b) {
    double worst = a.size() == b.size() ? 0 : 1e9;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        worst = std::max(worst, std::abs(double(a[i]) - b[i]));
    return worst;
}

std::int32_t most_likely(std::span<const float> logits) {
    return static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
}

} // namespace

class TestKeyValueCache : public QObject {
    Q_OBJECT

    JobContext ctx_;

    static void subject_rows() {
        QTest::addColumn<QString>("name");
        for (const char* name : {"sample-llama", "sample-opt", "opt",        "opt350m",      "llama",  "llama_gqa_tied",
                                 "llama3_rope",  "mistral",    "qwen2",      "qwen3",        "gemma2", "gemma3",
                                 "phi3",         "gpt2",       "llama_yarn", "olmo2",        "bloom",  "mixtral",
                                 "qwen3_moe",    "gpt_neox",   "falcon",     "phi3_longrope"})
            QTest::newRow(name) << name;
    }

private Q_SLOTS:
    /// Windows and longrope's threshold lie within the 40 tokens.
    void a_text_that_grows_is_the_whole_text_data() { subject_rows(); }
    void a_text_that_grows_is_the_whole_text() {
        QFETCH(QString, name);
        if (!name.startsWith("sample")) GRATICULE_NEEDS_SHARED("fixtures/families");
        const Subject subject = open_subject(name.toStdString(), ctx_);
        ModelRunner growing(subject.model, stored_weights(), open_device("cpu")),
            whole(subject.model, stored_weights(), open_device("cpu"));
        double worst = 0;
        std::size_t tokens = 5;
        const Ids start(subject.ids.begin(), subject.ids.begin() + 5);
        growing.grow(start, 40, ctx_, [&](const HostTensor& logits) {
            const auto expected = whole_pass(whole, std::span(subject.ids).first(tokens), ctx_);
            worst = std::max(worst, worst_difference(to_floats(logits), expected));
            return subject.ids[tokens++]; // the text's own next token
        });
        QCOMPARE(tokens, std::size_t{40});
        QVERIFY2(worst < 2e-4, std::to_string(worst).c_str()); // as against transformers: sample-opt has 1.2e-4
        // Greedily: the most likely token each time.
        Ids with, without = start;
        growing.grow(start, 40, ctx_, [&](const HostTensor& logits) {
            return std::optional(with.emplace_back(most_likely(to_floats(logits))));
        });
        while (without.size() < 40) without.push_back(most_likely(whole_pass(whole, without, ctx_)));
        QCOMPARE(with, Ids(without.begin() + 5, without.end()));
    }

    /// Several tokens at once behind those that are kept, and states instead of logits.
    void parts_of_a_text_are_the_whole_text_data() { subject_rows(); }
    void parts_of_a_text_are_the_whole_text() {
        QFETCH(QString, name);
        if (!name.startsWith("sample")) GRATICULE_NEEDS_SHARED("fixtures/families");
        const Subject subject = open_subject(name.toStdString(), ctx_);
        const TorchScope scope(open_device("cpu"));
        const Decoder decoder(subject.model, stored_weights(), open_device("cpu"));
        // Longrope turns a text of more than 32 tokens by other angles: there the cache ends, and its owner is told.
        const bool changes = name == "phi3_longrope";
        QCOMPARE(decoder.same_positions(32, 33), !changes);
        QVERIFY(decoder.same_positions(5, 32));
        const std::span<const std::int32_t> text = std::span(subject.ids).first(changes ? 32 : 40);
        at::Tensor whole = decoder.embed(std::span(&text, 1));
        KeyValueCache cache;
        std::vector<at::Tensor> parts;
        for (const std::size_t length : std::initializer_list<std::size_t>{7, 1, 12, 11, 1, 8}) {
            const auto seen = static_cast<std::size_t>(cache.tokens());
            if (seen == text.size()) break;
            const auto part = text.subspan(seen, std::min(length, text.size() - seen));
            at::Tensor& hidden = parts.emplace_back(decoder.embed(std::span(&part, 1), cache.tokens()));
            for (const Block& block : subject.model->blocks())
                hidden = decoder.forward(block.id, decoder.prepare(block.id), hidden, nullptr, &cache);
        }
        QCOMPARE(std::size_t(cache.tokens()), text.size());
        QVERIFY(parts.size() > 3);
        for (const Block& block : subject.model->blocks())
            whole = decoder.forward(block.id, decoder.prepare(block.id), whole);
        const double worst = (at::cat(parts, 1) - whole).abs().max().item<double>();
        const double size = whole.abs().max().item<double>();
        QVERIFY2(worst < 1e-5 * size, (std::to_string(worst) + " of " + std::to_string(size)).c_str());
    }

    void recipes_that_round_token_by_token_data() {
        QTest::addColumn<QString>("line");
        QTest::newRow("weights alone") << "w=int4/asym/g64";
        QTest::newRow("inputs") << "w=int4/asym/g64 a=int8/sym/token";
        QTest::newRow("operands") << "w=int8/sym/channel a=int8/sym/token q=int8/sym/token k=int4/asym/g32 "
                                     "v=int4/asym/token p=int8/asym/token";
    }
    /// In float64: a float32 sum in another order takes a value over the edge between two codes here and there, and the
    /// blocks behind make of that differences of the size of the rounding itself.
    void recipes_that_round_token_by_token() {
        QFETCH(QString, line);
        const Subject subject = open_subject("sample-llama", ctx_);
        const auto quantized = under(line.toStdString(), subject, ctx_);
        RunnerOptions exact;
        exact.execution.compute = Compute::float64;
        ModelRunner growing(subject.model, quantized, open_device("cpu"), exact),
            whole(subject.model, quantized, open_device("cpu"), exact);
        double worst = 0;
        std::size_t tokens = 5;
        growing.grow(Ids(subject.ids.begin(), subject.ids.begin() + 5), 40, ctx_, [&](const HostTensor& logits) {
            const auto expected = whole_pass(whole, std::span(subject.ids).first(tokens), ctx_);
            worst = std::max(worst, worst_difference(to_floats(logits), expected));
            return subject.ids[tokens++];
        });
        QVERIFY2(worst < 5e-6, std::to_string(worst).c_str());
    }

    void recipes_that_round_over_tokens_data() {
        QTest::addColumn<QString>("line");
        QTest::newRow("inputs") << "w=int4/asym/g64 a=int8/sym/tensor";
        QTest::newRow("keys by channel") << "w=int8/sym/channel k=int4/asym/channel";
    }
    /// A later token changes their scales, and with them what the earlier ones were: each step is a whole pass, to the
    /// last bit.
    void recipes_that_round_over_tokens() {
        QFETCH(QString, line);
        const Subject subject = open_subject("sample-llama", ctx_);
        const auto quantized = under(line.toStdString(), subject, ctx_);
        ModelRunner growing(subject.model, quantized, open_device("cpu")),
            whole(subject.model, quantized, open_device("cpu"));
        std::size_t tokens = 5;
        bool same = true;
        growing.grow(Ids(subject.ids.begin(), subject.ids.begin() + 5), 20, ctx_, [&](const HostTensor& logits) {
            const auto expected = whole_pass(whole, std::span(subject.ids).first(tokens), ctx_);
            same = same && worst_difference(to_floats(logits), expected) < 5e-5;
            return subject.ids[tokens++];
        });
        QCOMPARE(tokens, std::size_t{20});
        QVERIFY(same);
    }
};

GRATICULE_TEST(TestKeyValueCache);
#include "tst_key_value_cache.moc"
