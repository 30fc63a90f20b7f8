// Weights that are decoded when they are looked at, and no more often than that: opening looks at none, several recipes
// are quantized in one pass.
#include <QtTest/QTest>
#include <map>

#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "core/model/family.h"
#include "core/runtime/model_runner.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

/// Counts how often rows are decoded, by a tensor's name.
using Counts = std::map<std::string, std::int64_t>;

class CountedRows final : public EncodedRows {
public:
    CountedRows(HostTensor tensor, std::int64_t& rows)
        : tensor_(std::move(tensor))
        , rows_(rows) {}
    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        rows_ += count;
        to_floats(tensor_, first, count, out);
    }

private:
    HostTensor tensor_;
    std::int64_t& rows_;
};

/// Another checkpoint whose matrices are encoded.
class EncodedCheckpoint final : public Checkpoint {
public:
    EncodedCheckpoint(std::shared_ptr<const Checkpoint> plain, Counts& counts)
        : plain_(std::move(plain))
        , counts_(counts) {}
    [[nodiscard]] std::vector<std::string> tensor_names() const override { return plain_->tensor_names(); }
    [[nodiscard]] bool contains(const std::string& name) const override { return plain_->contains(name); }
    [[nodiscard]] HostTensor tensor(const std::string& name) const override {
        const HostTensor tensor = plain_->tensor(name);
        if (tensor.shape.size() != 2) return tensor;
        const auto encoded = std::make_shared<CountedRows>(tensor, counts_[name]);
        return {DType::encoded, tensor.shape, encoded, tensor.bytes, encoded};
    }
    [[nodiscard]] const std::string& config_json() const override { return plain_->config_json(); }
    [[nodiscard]] std::filesystem::path folder() const override { return plain_->folder(); }
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return plain_->files(); }
    [[nodiscard]] std::string container() const override { return plain_->container(); }
    [[nodiscard]] std::shared_ptr<const Tokenizer> tokenizer() const override { return plain_->tokenizer(); }

private:
    std::shared_ptr<const Checkpoint> plain_;
    Counts& counts_;
};

} // namespace

class TestOnePass : public QObject {
    Q_OBJECT

    OpenedModel opened_;
    Counts decoded_; ///< of `encoded_`
    std::shared_ptr<const Model> encoded_;
    std::vector<QuantizationSide> sides_;

    [[nodiscard]] std::vector<double> losses(const std::shared_ptr<const Model>& model) const {
        const std::vector<std::int32_t> ids = tokenize(*opened_.tokenizer, load_text({}, BuiltInText::evaluation));
        const ModelRunner::Window window = std::span(ids).first(64);
        ModelRunner runner(model, std::shared_ptr<const QuantizedModel>(), open_device("cpu"));
        JobContext ctx;
        std::vector<double> all;
        runner.window_losses(std::span(&window, 1), 1, ctx,
                             [&](std::span<const double> of_sides) { all.push_back(of_sides.front()); });
        return all;
    }

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        opened_ = open_model(resolve_model_path("sample-llama"), ctx);
        encoded_ = build_model(std::make_shared<EncodedCheckpoint>(opened_.model->parts().checkpoint, decoded_), "one");
        // Nothing from samples; transforms; two states of the blocks before, in full precision and quantized; a stream
        // that is rotated as a whole; layers left as they are.
        CalibrationSpec spec;
        spec.samples = 3;
        spec.length = 48;
        const auto stats = calibrate(*opened_.model, *opened_.tokenizer, spec, ctx);
        for (const char* line :
             {"w=int4/asym/g64 a=int8/sym/token", "w=int4/asym/g64 a=int8/sym/token smoothquant", "w=int4/g64 gptq",
              "w=int4/asym/g64 awq gptq:quantized_inputs=true", "w=int3/asym/g64 hadamard:residual=true gptq"}) {
            Recipe recipe;
            recipe.defaults = parse_scheme_line(line);
            if (sides_.empty()) recipe.ignore.push_back("*.down_proj");
            const Resolution found = resolve(recipe, *opened_.model);
            QVERIFY2(found.resolved, found.diagnostics.text().c_str());
            sides_.push_back({*found.resolved, stats});
        }
    }

    void opening_decodes_nothing() {
        QVERIFY(decoded_.size() > 28); // every matrix was there
        for (const auto& [name, rows] : decoded_) QVERIFY2(rows == 0, name.c_str());
        QVERIFY(encoded_->linears().front().weight.dtype == DType::encoded);
    }

    void encoded_weights_are_those_of_the_file() {
        QCOMPARE(losses(encoded_), losses(opened_.model));
        for (const Linear& linear : encoded_->linears()) {
            const HostTensor& stored = opened_.model->linear(linear.id).weight;
            QCOMPARE(to_floats(linear.weight), to_floats(stored));
            QCOMPARE(to_floats(linear.weight, 3, 2), to_floats(stored, 3, 2));
        }
    }

    void recipes_come_out_as_each_alone() {
        JobContext ctx;
        std::vector<std::vector<std::string>> told(sides_.size());
        const auto together =
            quantize_together(opened_.model, sides_, ctx,
                              [&](std::size_t side, const LayerReport& report) { told[side].push_back(report.name); });
        QCOMPARE(together.size(), sides_.size());
        for (std::size_t side = 0; side < sides_.size(); ++side) {
            JobContext alone_ctx;
            const auto alone = quantize(opened_.model, sides_[side].stats, sides_[side].resolved, alone_ctx);
            const QuantizedModel& one = *together[side];
            std::size_t quantized = 0;
            for (std::size_t i = 0; i < one.linears.size(); ++i) {
                QCOMPARE(one.linears[i].has_value(), alone->linears[i].has_value());
                if (!one.linears[i]) continue;
                ++quantized;
                QVERIFY(one.linears[i]->codes == alone->linears[i]->codes);
                QCOMPARE(one.linears[i]->params.scale, alone->linears[i]->params.scale);
                QCOMPARE(one.linears[i]->params.zero, alone->linears[i]->params.zero);
                QVERIFY(one.linears[i]->static_input == alone->linears[i]->static_input);
                QCOMPARE(one.linears[i]->report.output_mse, alone->linears[i]->report.output_mse);
            }
            QCOMPARE(told[side].size(), quantized);
            QCOMPARE(one.replaced.size(), alone->replaced.size());
            for (const auto& [name, tensor] : alone->replaced)
                QCOMPARE(to_floats(one.replaced.at(name)), to_floats(tensor));
            QCOMPARE(one.head_untied, alone->head_untied);
            QCOMPARE(one.provenance.recipe_hash, alone->provenance.recipe_hash);
            QCOMPARE(one.provenance.data_hash, alone->provenance.data_hash);
        }
        QCOMPARE(ctx.progress.snapshot().done, ctx.progress.snapshot().total);
    }

    void each_block_is_loaded_once_for_all() {
        const std::size_t linears = encoded_->linears().size();
        for (const std::size_t count :
             {std::size_t{1}, sides_.size() - 1}) {       // the last one rotates what is outside too
            for (auto& [name, rows] : decoded_) rows = 0; // the tensors refer to them
            JobContext ctx;
            (void)quantize_together(encoded_, std::span(sides_).first(count), ctx);
            std::size_t seen = 0;
            for (const Linear& linear : encoded_->linears()) {
                const std::int64_t rows = decoded_.at(linear.name + ".weight");
                QVERIFY2(rows == linear.out_features(),
                         (linear.name + ": " + std::to_string(rows) + " rows for " + std::to_string(count)).c_str());
                ++seen;
            }
            QCOMPARE(seen, linears);
        }
    }

    /// One that is stopped on the way is no result, and the others are what they would have been.
    void a_recipe_that_is_stopped_leaves_the_others() {
        CancelToken stop;
        std::vector<QuantizationSide> sides = {sides_[0], sides_[2], sides_[3]};
        sides[0].stop = &stop;
        JobContext ctx;
        std::vector<std::size_t> told(sides.size());
        const auto results = quantize_together(opened_.model, sides, ctx, [&](std::size_t side, const LayerReport&) {
            if (++told[side] == 3) stop.request();
        });
        QVERIFY(!results[0] && results[1] && results[2]);
        QVERIFY(told[0] < told[1]);
        QCOMPARE(ctx.progress.snapshot().done, ctx.progress.snapshot().total);
        JobContext alone_ctx;
        const auto alone = quantize(opened_.model, sides[1].stats, sides[1].resolved, alone_ctx);
        for (std::size_t i = 0; i < alone->linears.size(); ++i)
            QVERIFY(results[1]->linears[i]->codes == alone->linears[i]->codes);
        for (QuantizationSide& side : sides) side.stop = &stop;
        QVERIFY_THROWS_EXCEPTION(Cancelled, (void)quantize_together(opened_.model, sides, ctx));
    }

    /// A pass that was killed goes on behind the last block that was finished under every recipe.
    void a_stopped_pass_goes_on_behind_its_last_block() {
        const std::vector<QuantizationSide> sides = {sides_[1], sides_[3]};
        const testing::TemporaryFolder folder;
        const std::filesystem::path journal = folder / "quantization";
        const std::size_t per_block = opened_.model->linears().size() / opened_.model->blocks().size();
        JobContext stopped;
        std::size_t done = 0;
        const auto stop = [&](std::size_t side, const LayerReport&) {
            if (side == 1 && ++done == 2 * per_block + 1) stopped.cancel.request();
        };
        QVERIFY_THROWS_EXCEPTION(Cancelled, (void)quantize_together(opened_.model, sides, stopped, stop, journal));
        JobContext ctx;
        std::string log;
        ctx.log = [&](const std::string& told) { log += told; };
        const auto results = quantize_together(opened_.model, sides, ctx, {}, journal);
        QVERIFY2(log.find("2 of ") != std::string::npos && log.find("were quantized before") != std::string::npos,
                 log.c_str());
        for (std::size_t side = 0; side < sides.size(); ++side) {
            JobContext alone_ctx;
            const auto alone = quantize(opened_.model, sides[side].stats, sides[side].resolved, alone_ctx);
            for (std::size_t i = 0; i < alone->linears.size(); ++i) {
                QVERIFY(results[side]->linears[i]->codes == alone->linears[i]->codes);
                QCOMPARE(results[side]->linears[i]->report.output_mse, alone->linears[i]->report.output_mse);
            }
        }
    }

    void the_recipe_that_fails_is_named() {
        std::vector<QuantizationSide> sides = {sides_[0], sides_[2]};
        auto none = std::make_shared<ActivationStats>(*sides_[2].stats);
        none->samples.clear();
        sides[1].stats = none;
        JobContext ctx;
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "while quantizing under w=int4",
                               quantize_together(opened_.model, sides, ctx));
    }
};

GRATICULE_TEST(TestOnePass);
#include "tst_one_pass.moc"
