// The decoder against transformers' own logits, folding in float64, and the module-level passes that methods use.
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

#include <cmath>
#include <dlfcn.h>
#include <fstream>
#include <map>

#include "core/engine/engine.h"
#include "core/io/checkpoint.h"
#include "core/model/family.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/weight_source.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

std::vector<std::vector<std::int32_t>> read_ids(const HostTensor& tensor) {
    std::vector<std::vector<std::int32_t>> rows(static_cast<std::size_t>(tensor.rows()));
    const auto* values = reinterpret_cast<const std::int64_t*>(tensor.bytes.data());
    for (auto& row : rows)
        for (std::int64_t i = 0; i < tensor.columns(); ++i) row.push_back(static_cast<std::int32_t>(*values++));
    return rows;
}

std::vector<double> doubles(const HostTensor& tensor) {
    const auto* values = reinterpret_cast<const double*>(tensor.bytes.data());
    return {values, values + element_count(tensor.shape)};
}

HostTensor scaled(const HostTensor& tensor, const std::vector<double>& factors, bool rows) {
    const std::vector<float> values = to_floats(tensor);
    std::vector<double> out(values.begin(), values.end());
    const std::int64_t columns = tensor.columns();
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i) / columns;
        const auto column = static_cast<std::int64_t>(i) % columns;
        out[i] *= factors[static_cast<std::size_t>(rows ? row : column)];
    }
    return HostTensor::from_vector(std::move(out), DType::f64, tensor.shape);
}

/// Every fold site of the model folded with a different scale, in float64.
class FoldedEverywhere final : public WeightSource {
public:
    explicit FoldedEverywhere(const Model& model)
        : plus_one_(model.config().norm == NormKind::rms_plus_one) {
        int seed = 1;
        for (const FoldSite& site : model.fold_sites()) {
            std::vector<double> s(static_cast<std::size_t>(model.site(site.site).channels));
            for (double& factor : s) factor = std::exp(std::sin(seed++ * 12.9898) * 1.5);
            if (site.norm)
                norms_[model.source_name(site)] = s;
            else
                outputs_[*site.linear] = s;
            for (const LayerId consumer : site.consumers) inputs_[consumer] = s;
        }
    }
    [[nodiscard]] HostTensor weight(const Linear& linear) const override {
        HostTensor weight = linear.weight;
        if (const auto found = inputs_.find(linear.id); found != inputs_.end())
            weight = scaled_wide(weight, found->second, false);
        if (const auto found = outputs_.find(linear.id); found != outputs_.end())
            weight = scaled_wide(weight, inverse(found->second), true);
        return weight;
    }
    [[nodiscard]] std::optional<HostTensor> bias(const Linear& linear) const override {
        const auto found = outputs_.find(linear.id);
        if (!linear.bias || found == outputs_.end()) return linear.bias;
        return scaled(*linear.bias, inverse(found->second), true);
    }
    [[nodiscard]] HostTensor tensor(const std::string& name, const HostTensor& stored) const override {
        const auto found = norms_.find(name.substr(0, name.rfind('.')));
        if (found == norms_.end()) return stored;
        if (!plus_one_) return scaled(stored, inverse(found->second), true);
        std::vector<double> values;
        const std::vector<float> old = to_floats(stored);
        for (std::size_t i = 0; i < old.size(); ++i) values.push_back((1.0 + old[i]) / found->second[i] - 1.0);
        return HostTensor::from_vector(std::move(values), DType::f64, stored.shape);
    }

private:
    static std::vector<double> inverse(std::vector<double> s) {
        for (double& factor : s) factor = 1 / factor;
        return s;
    }
    /// As scaled(), for a tensor that may be float64 already (up and v are consumers and sources at once).
    static HostTensor scaled_wide(const HostTensor& tensor, const std::vector<double>& factors, bool rows) {
        if (tensor.dtype != DType::f64) return scaled(tensor, factors, rows);
        std::vector<double> out = doubles(tensor);
        const std::int64_t columns = tensor.columns();
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto at = static_cast<std::int64_t>(i);
            out[i] *= factors[static_cast<std::size_t>(rows ? at / columns : at % columns)];
        }
        return HostTensor::from_vector(std::move(out), DType::f64, tensor.shape);
    }

    bool plus_one_;
    std::map<std::string, std::vector<double>> norms_;
    std::map<LayerId, std::vector<double>> outputs_, inputs_;
};

} // namespace

class TestRuntimeDecoder : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void logits_agree_with_transformers_data() { family_rows(); }
    void logits_agree_with_transformers() {
        QFETCH(QString, family);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const auto folder = testing::shared_dir() / "fixtures/families" / family.toStdString();
        JobContext ctx;
        const OpenedModel opened = open_model(folder, ctx);
        QVERIFY2(opened.model->parts().warnings.empty(),
                 opened.model->parts().warnings.empty() ? "" : opened.model->parts().warnings.front().c_str());
        const auto expected = open_checkpoint(folder / "expected.safetensors");
        const HostTensor ours = logits(opened.model, nullptr, read_ids(expected->tensor("input_ids")), ctx);
        const HostTensor reference = expected->tensor("logits");
        QCOMPARE(to_text(ours.shape), to_text(reference.shape));
        const std::vector<float> a = to_floats(ours);
        const std::vector<float> b = to_floats(reference);
        double worst = 0;
        for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(double(a[i]) - b[i]));
        QVERIFY2(worst < 2e-4, std::to_string(worst).c_str());
    }

    void folding_leaves_logits_data() { family_rows(); }
    void folding_leaves_logits() {
        QFETCH(QString, family);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const auto folder = testing::shared_dir() / "fixtures/families" / family.toStdString();
        JobContext ctx;
        const auto model = open_model(folder, ctx).model;
        const auto ids = read_ids(open_checkpoint(folder / "expected.safetensors")->tensor("input_ids"));
        const std::vector<ModelRunner::Window> rows(ids.begin(), ids.end());
        RunnerOptions options;
        options.execution.compute = Compute::float64;
        const Device cpu = open_device("cpu");
        const auto plain = doubles(ModelRunner(model, stored_weights(), cpu, options).logits(rows, ctx));
        const auto source = std::make_shared<FoldedEverywhere>(*model);
        const auto folded = doubles(ModelRunner(model, source, cpu, options).logits(rows, ctx));
        double worst = 0;
        for (std::size_t i = 0; i < plain.size(); ++i) worst = std::max(worst, std::abs(plain[i] - folded[i]));
        QVERIFY2(worst < 1e-9, std::to_string(worst).c_str());
        // Falcon's one norm feeds attention and MLP at once, its values are shared by all heads: nothing can be folded.
        QCOMPARE(model->fold_sites().empty(), family == QStringLiteral("falcon"));
    }

    void rotary_scaling_agrees_with_transformers_data() {
        QTest::addColumn<QString>("keys");
        QTest::addColumn<QList<double>>("expected"); // logits [1, 39, 0:6] and [0, 17, 100:104]
        // The fixture "llama" with 16 positions, so that its 40 tokens exceed them; transformers 5.17.0, float32,
        // eager.
        const QList<double> linear = {-0.647215, 2.279932, -0.056358, 1.513828,  -0.74195,
                                      -1.644021, 1.121856, 1.48511,   -2.768219, -0.445435};
        const QList<double> dynamic = {0.036372,  -0.123841, -0.118074, 1.324597,  -0.513814,
                                       -1.382409, -0.117555, -0.411552, -1.399752, 0.398834};
        QTest::newRow("linear") << R"("rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0})"
                                << linear;
        QTest::newRow("linear, old keys")
            << R"("rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0})" << linear;
        QTest::newRow("dynamic") << R"("rope_theta": 10000.0, "rope_scaling": {"type": "dynamic", "factor": 2.0})"
                                 << dynamic;
    }
    void rotary_scaling_agrees_with_transformers() {
        QFETCH(QString, keys);
        QFETCH(QList<double>, expected);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const auto source = std::filesystem::absolute(testing::shared_dir() / "fixtures/families/llama");
        const QTemporaryDir folder;
        const std::filesystem::path copy = folder.path().toStdString();
        std::filesystem::create_symlink(source / "model.safetensors", copy / "model.safetensors");
        std::ofstream(copy / "config.json") << R"({"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "intermediate_size": 160, "vocab_size": 320, "rms_norm_eps": 1e-06,
            "max_position_embeddings": 16, )"
                                            << keys.toStdString() << "}";
        JobContext ctx;
        const auto model = open_model(copy, ctx).model;
        const auto ids = read_ids(open_checkpoint(source / "expected.safetensors")->tensor("input_ids"));
        const std::vector<float> ours = to_floats(logits(model, nullptr, ids, ctx));
        for (int i = 0; i < expected.size(); ++i) {
            const int index = i < 6 ? (40 + 39) * 320 + i : 17 * 320 + 100 + i - 6;
            QVERIFY2(std::abs(ours[static_cast<std::size_t>(index)] - expected[i]) < 2e-4, std::to_string(i).c_str());
        }
    }

    void results_are_the_same_bits_twice() {
        const auto folder = std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-llama";
        JobContext ctx;
        const auto model = open_model(folder, ctx).model;
        const std::vector<std::int32_t> ids = {1, 300, 17, 42, 999, 5, 2000, 77};
        const HostTensor a = logits(model, nullptr, {ids}, ctx);
        const HostTensor b = logits(model, nullptr, {ids}, ctx);
        QVERIFY(std::ranges::equal(a.bytes, b.bytes));
    }

    void losses_do_not_depend_on_memory_data() {
        QTest::addColumn<QString>("recipe");
        QTest::newRow("full precision") << "";
        QTest::newRow("quantized") << "w=int4/asym/g64 a=int8/sym/token";
    }
    /// Whatever stays on the device and however many windows pass a block at a time.
    void losses_do_not_depend_on_memory() {
        QFETCH(QString, recipe);
        JobContext ctx;
        const auto model =
            open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-llama", ctx).model;
        std::shared_ptr<const QuantizedModel> quantized;
        if (!recipe.isEmpty()) {
            Recipe all;
            all.defaults = parse_scheme_line(recipe.toStdString());
            quantized = quantize(model, nullptr, *resolve(all, *model).resolved, ctx);
        }
        std::vector<std::vector<std::int32_t>> ids(7, std::vector<std::int32_t>(32));
        std::int32_t next = 1;
        for (auto& row : ids)
            for (std::int32_t& id : row) id = next = next * 7 % 4999;
        const std::vector<ModelRunner::Window> windows(ids.begin(), ids.end());
        std::vector<std::string> told;
        ctx.log = [&](const std::string& line) { told.push_back(line); };
        const auto losses = [&](std::int64_t weights, std::int64_t states) {
            RunnerOptions options;
            options.product_tokens = 64; // two windows
            options.weight_budget = weights;
            options.state_budget = states;
            std::vector<double> all;
            ModelRunner(model, quantized, open_device("cpu"), options)
                .window_losses(windows, 1, ctx,
                               [&](std::span<const double> of_sides) { all.push_back(of_sides.front()); });
            return all;
        };
        const std::vector<double> resident = losses(std::int64_t{1} << 40, -1);
        QCOMPARE(resident.size(), windows.size());
        QVERIFY(told.empty());
        const std::int64_t block = 4 * model->linear_parameter_count() / std::int64_t(model->blocks().size());
        const std::int64_t states = 64 * model->config().hidden * 4;
        for (const std::int64_t weights : {std::int64_t{0}, block / 8, 2 * block})
            for (const std::int64_t bytes : {std::int64_t{0}, 2 * states, 100 * states})
                QCOMPARE(losses(weights, bytes), resident);
        QVERIFY(!told.empty() && told.front().find("0 of") == 0); // it did stream
    }

    void wrong_ids_are_named() {
        const auto folder = std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-opt";
        JobContext ctx;
        const auto model = open_model(folder, ctx).model;
        const auto message = [&](std::vector<std::vector<std::int32_t>> ids) -> std::string {
            try {
                static_cast<void>(logits(model, nullptr, ids, ctx));
            } catch (const Error& error) {
                return error.info().message;
            }
            return "no error";
        };
        QVERIFY(message({{1, 5120}}).find("5120") != std::string::npos);
        QVERIFY(message({{-1, 2}}).find("-1") != std::string::npos);
        QVERIFY(message({{1, 2}, {1}}).find("equally long") != std::string::npos);
        QVERIFY(message({std::vector<std::int32_t>(2049, 7)}).find("2048 positions") != std::string::npos);
    }

    void an_unknown_device_is_named() {
        QVERIFY_EXCEPTION_THROWN(static_cast<void>(open_device("tpu")), Error);
        QVERIFY_EXCEPTION_THROWN(static_cast<void>(open_device("cuda:x")), Error);
        QVERIFY(!list_devices().empty());
        QCOMPARE(list_devices().front().name, std::string("cpu"));
    }

    void listing_the_devices_loads_no_cuda_library() {
        const auto loaded = [] { return dlopen("libtorch_cuda.so", RTLD_NOLOAD | RTLD_NOW) != nullptr; };
        if (loaded()) QSKIP("another test of this process has opened a CUDA device already");
        const std::vector<DeviceRow> rows = list_devices();
        QVERIFY(!loaded()); // half a gigabyte, for a card that nobody has chosen yet
        for (const DeviceRow& row : rows) QVERIFY(row.problem.empty() || row.name == "cuda");
    }

private:
    static void family_rows() {
        QTest::addColumn<QString>("family");
        for (const char* name :
             {"opt",   "opt350m", "llama",     "llama_gqa_tied", "llama3_rope", "mistral",       "qwen2",
              "qwen3", "gemma2",  "gemma3",    "phi3",           "gpt2",        "phi3_longrope", "llama_yarn",
              "olmo2", "mixtral", "qwen3_moe", "gpt_neox",       "falcon",      "bloom"})
            QTest::newRow(name) << name;
    }
};

GRATICULE_TEST(TestRuntimeDecoder);
#include "tst_runtime_decoder.moc"
