// A whole run in less memory than the model takes in float32: it works block by block from the mapped file.
#include <QFile>
#include <QTemporaryDir>
#include <cstring>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "tests/app/cli/cli_process.h"
#include "tests/support/test_main.h"

using namespace graticule::testing;
using nlohmann::json;

namespace {

constexpr std::int64_t hidden = 768, inner = 2048, blocks = 20, heads = 12,
                       vocabulary = 5120; // vocabulary: the sample's

struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    [[nodiscard]] std::int64_t elements() const { return shape.size() == 1 ? shape[0] : shape[0] * shape[1]; }
};

std::vector<Tensor> tensors() {
    std::vector<Tensor> all{{"model.embed_tokens.weight", {vocabulary, hidden}}, {"model.norm.weight", {hidden}}};
    for (std::int64_t block = 0; block < blocks; ++block) {
        const std::string layer = "model.layers." + std::to_string(block) + ".";
        for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
            all.push_back({layer + norm + ".weight", {hidden}});
        for (const char* linear : {"q_proj", "k_proj", "v_proj", "o_proj"})
            all.push_back({layer + "self_attn." + linear + ".weight", {hidden, hidden}});
        all.push_back({layer + "mlp.gate_proj.weight", {inner, hidden}});
        all.push_back({layer + "mlp.up_proj.weight", {inner, hidden}});
        all.push_back({layer + "mlp.down_proj.weight", {hidden, inner}});
    }
    return all;
}

std::int64_t elements() {
    std::int64_t sum = 0;
    for (const Tensor& tensor : tensors()) sum += tensor.elements();
    return sum;
}

/// bfloat16: norms are 1, everything else even noise of about 0.02.
QByteArray values_of(const Tensor& tensor) {
    static std::uint32_t state = 1;
    QByteArray bytes(2 * tensor.elements(), Qt::Uninitialized);
    auto* out = reinterpret_cast<std::uint16_t*>(bytes.data());
    for (std::int64_t i = 0; i < tensor.elements(); ++i) {
        state = state * 1664525U + 1013904223U;
        const float value = tensor.shape.size() == 1 ? 1.0F : (float(state >> 8) / float(1 << 24) - 0.5F) * 0.07F;
        std::uint32_t bits = 0;
        std::memcpy(&bits, &value, sizeof bits);
        out[i] = static_cast<std::uint16_t>(bits >> 16);
    }
    return bytes;
}

} // namespace

class TestCliMemory : public QObject {
    Q_OBJECT

    QTemporaryDir dir_;

    [[nodiscard]] QString model() const { return dir_.filePath("model"); }
    void write(const QString& name, const QByteArray& bytes) const {
        QFile out(model() + "/" + name);
        QVERIFY(out.open(QIODevice::WriteOnly) && out.write(bytes) == bytes.size());
    }
    /// Under a limit on the memory that is the process's own: heap, tensors and stacks of its threads, no mapped files.
    static Outcome run_within(std::int64_t bytes, const QStringList& words) {
        QProcess process;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("OMP_NUM_THREADS", "2"); // stacks count, whatever the machine
        process.setProcessEnvironment(environment);
        process.setChildProcessModifier([bytes] {
            const rlimit limit{static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
            ::setrlimit(RLIMIT_DATA, &limit);
        });
        process.start(cli_program(), words);
        return collect(process);
    }

private Q_SLOTS:
    void initTestCase() {
        const QString sample = QStringLiteral(GRATICULE_SOURCE_DIR "/resources/samples/sample-llama/");
        QVERIFY(QDir().mkpath(model()));
        QVERIFY(QFile::copy(sample + "tokenizer.json", model() + "/tokenizer.json"));
        QFile config(sample + "config.json");
        QVERIFY(config.open(QIODevice::ReadOnly));
        json values = json::parse(config.readAll().toStdString());
        values.update({{"hidden_size", hidden},
                       {"intermediate_size", inner},
                       {"num_hidden_layers", blocks},
                       {"num_attention_heads", heads},
                       {"num_key_value_heads", heads}});
        write("config.json", QByteArray::fromStdString(values.dump()));

        json header;
        std::int64_t end = 0;
        for (const Tensor& tensor : tensors()) {
            const std::int64_t begin = end;
            end += 2 * tensor.elements();
            header[tensor.name] = {{"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
        }
        std::string text = header.dump();
        text.append((8 - text.size() % 8) % 8, ' ');
        const std::uint64_t length = text.size();
        QFile out(model() + "/model.safetensors");
        QVERIFY(out.open(QIODevice::WriteOnly));
        out.write(reinterpret_cast<const char*>(&length), 8);
        out.write(text.data(), std::ssize(text));
        for (const Tensor& tensor : tensors()) QVERIFY(out.write(values_of(tensor)) == 2 * tensor.elements());
    }

    /// Calibrated, quantized, written, read back and evaluated, both as it is and quantized.
    void a_run_needs_less_than_the_model() {
        const std::int64_t limit = 4 * elements() * 3 / 4;
        const QStringList windows = {"--window", "32", "--windows", "8"};
        const QStringList run = QStringList{"run",
                                            "w=int4/asym/g64",
                                            "--model",
                                            model(),
                                            "--json",
                                            "--out",
                                            dir_.filePath("streamed"),
                                            "--weight-budget",
                                            "0",
                                            "--calib-samples",
                                            "2",
                                            "--calib-length",
                                            "32"} +
                                windows;
        const Outcome streamed = run_within(limit, run);
        QVERIFY2(streamed.code == 0, (QByteArray::number(streamed.code) + streamed.err.right(2000)).constData());
        QVERIFY2(!streamed.err.contains("out of memory"), streamed.err.right(2000).constData());
        QVERIFY(streamed.err.contains(QByteArray("0 of ") + QByteArray::number(qint64(blocks)) + " blocks stay"));
        QVERIFY(QFile::exists(dir_.filePath("streamed/model/model.safetensors")));
        QCOMPARE(streamed.json().at("evaluation").at("window_losses").size(), std::size_t(8));

        // Limits are felt: in a third of it there is not even room for a pass, and threads still start.
        const Outcome held = run_within(limit / 3, QStringList{"eval", model()} + windows);
        QCOMPARE(held.code, 5);
        QVERIFY2(held.err.contains("memory"), held.err.right(2000).constData());
    }
};

GRATICULE_TEST(TestCliMemory);
#include "tst_cli_memory.moc"
