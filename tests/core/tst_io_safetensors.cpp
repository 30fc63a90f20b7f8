// The safetensors container: every row of formats.md 1.4, damage at every byte, the writer's rules, a disk that fills
// up.
#include <QTest>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "core/io/safetensors.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;

namespace {

std::string with_header(const std::string& header, std::size_t data_bytes) {
    std::string file;
    const std::uint64_t length = header.size();
    for (int i = 0; i < 8; ++i) file += static_cast<char>((length >> (8 * i)) & 255);
    return file + header + std::string(data_bytes, '\x3f');
}

std::shared_ptr<const SafetensorsFile> parse(const std::string& bytes) {
    auto owner = std::make_shared<const std::string>(bytes);
    return SafetensorsFile::from_bytes(std::as_bytes(std::span(*owner)), owner, "test.safetensors");
}

const char* const two_tensors =
    R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2,1],"data_offsets":[8,12]}})";

} // namespace

class IoSafetensors : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void refused_data() {
        QTest::addColumn<QByteArray>("header");
        QTest::addColumn<int>("data_bytes");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* name, const char* header, int bytes, const char* says) {
            QTest::newRow(name) << QByteArray(header) << bytes << QString(says);
        };
        row("no JSON", "hello", 0, "not valid JSON");
        row("not an object", "[]", 0, "not a JSON object");
        row("byte order mark", "\xEF\xBB\xBF{}", 0, "byte order mark");
        QTest::newRow("zero byte after the object") << QByteArray("{}\0\0", 4) << 0 << "zero byte";
        row("duplicate tensor",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
            1, "\"a\" occurs twice");
        row("duplicate metadata", R"({"__metadata__":{},"__metadata__":{}})", 0, "occurs twice");
        row("duplicate metadata key", R"({"__metadata__":{"k":"1","k":"2"}})", 0, "occurs twice");
        row("metadata is no string", R"({"__metadata__":{"k":1}})", 0, "not a string");
        row("float offsets", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1.0]}})", 1, "whole number");
        row("negative dimension", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "whole number");
        row("overflow", R"({"a":{"dtype":"U8","shape":[2,18446744073709551614],"data_offsets":[0,1]}})", 1,
            "overflows");
        row("overflow of bits", R"({"a":{"dtype":"F64","shape":[1152921504606846976],"data_offsets":[0,1]}})", 1,
            "overflows");
        row("hole", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2, "hole");
        row("overlap",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            3, "inside the tensor before it");
        row("trailing bytes", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2, "the file goes on to 2");
        row("short file", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1, "truncated");
        row("end before begin", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "data_offsets [1, 0]");
        row("size does not match", R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8,
            "takes 12 bytes, but 8");
        row("lower-case dtype", R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", 4,
            "unknown dtype \"f32\"");
        row("unknown dtype", R"({"a":{"dtype":"I4","shape":[2],"data_offsets":[0,1]}})", 1, "unknown dtype \"I4\"");
        row("half a byte", R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1, "not whole bytes");
        row("no shape", R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, "no shape");
        row("nine dimensions", R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1,
            "more than the 8 dimensions");
        row("three offsets", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 1, "not a pair");
        row("entry is no object", R"({"a":1})", 0, "not an object");
        const QByteArray deep = QByteArray("{\"a\":{\"more\":") + QByteArray(200, '[') + QByteArray(200, ']') + "}}";
        QTest::newRow("nested too deep") << deep << 0 << "nested deeper";
        QTest::newRow("name too long") << QByteArray("{\"") + QByteArray(513, 'n') + "\":{}}" << 0 << "513 bytes";
        QTest::newRow("invalid UTF-8") << QByteArray("{\"\xC3\":1}") << 0 << "not valid JSON";
    }
    void refused() {
        QFETCH(QByteArray, header);
        QFETCH(int, data_bytes);
        QFETCH(QString, says);
        const std::string bytes = with_header(header.toStdString(), static_cast<std::size_t>(data_bytes));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, says.toStdString(), parse(bytes));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "test.safetensors", parse(bytes)); // the file is named
    }

    void accepted_data() {
        QTest::addColumn<QByteArray>("header");
        QTest::addColumn<int>("data_bytes");
        QTest::addColumn<int>("tensors");
        const auto row = [](const char* name, const char* header, int bytes, int tensors) {
            QTest::newRow(name) << QByteArray(header) << bytes << tensors;
        };
        row("smallest", "{}  ", 0, 0);
        row("white space around", " \t\r\n{} \n", 0, 0);
        row("null metadata", R"({"__metadata__":null})", 0, 0);
        row("unknown field", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":[1]}})", 1, 1);
        row("empty shape with a zero before the overflow",
            R"({"a":{"dtype":"U8","shape":[4611686018427387904,0,8],"data_offsets":[0,0]}})", 0, 1);
        row("scalar", R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4, 1);
        row("unaligned",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
            5, 2);
        row("strange names",
            R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"../x\u0000":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2, 2);
    }
    void accepted() {
        QFETCH(QByteArray, header);
        QFETCH(int, data_bytes);
        QFETCH(int, tensors);
        const auto file = parse(with_header(header.toStdString(), static_cast<std::size_t>(data_bytes)));
        QCOMPARE(static_cast<int>(file->entries().size()), tensors);
    }

    void header_length_lies() {
        for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{100'000'001}, ~std::uint64_t{0}}) {
            std::string bytes(8, '\0');
            std::memcpy(bytes.data(), &length, 8);
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "header of " + std::to_string(length), parse(bytes + "{}"));
        }
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "7 bytes", parse("1234567"));
    }

    /// What would take long or much memory is refused while it is read.
    void large_headers_are_bounded() {
        const auto refused = [](const std::string& says, const std::string& header) {
            const auto start = std::chrono::steady_clock::now();
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, says, parse(with_header(header, 0)));
            QVERIFY(std::chrono::steady_clock::now() - start < std::chrono::seconds(10)); // one, on a quiet machine
        };
        refused("at most 33554432 are read", "{}" + std::string(100'000'000 - 2, ' '));
        std::string tensors, metadata = R"({"__metadata__":{)";
        for (int i = 0; i <= 250'000; ++i)
            tensors +=
                (i == 0 ? "{\"" : ",\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
        refused("more than the 250000 tensors", tensors + "}");
        for (int i = 0; i <= 100'000; ++i) metadata += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":"")";
        refused("more than the 100000 entries", metadata + "}}");
        std::string field = R"({"a":{"more":[)"; // a value that nobody asks for is gone through, not kept
        while (field.size() < 30'000'000) field += "[],";
        refused("no dtype", field + "0]}}");
    }

    void truncated_at_every_byte() {
        const std::string whole = with_header(two_tensors, 12);
        QCOMPARE(parse(whole)->entries().size(), std::size_t{2});
        for (std::size_t length = 0; length < whole.size(); ++length)
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "test.safetensors", parse(whole.substr(0, length)));
    }

    void types_we_cannot_hold_do_not_spoil_the_file() {
        const auto file = parse(with_header(
            R"({"a":{"dtype":"F8_E8M0","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
            3));
        QCOMPARE(file->tensor("b").bytes.size(), std::size_t{1});
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "F8_E8M0", file->tensor("a"));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "no tensor \"c\"", file->tensor("c"));
    }

    void written_and_read_again() {
        const TemporaryFolder folder;
        const auto path = folder / "out.safetensors";
        const std::vector<float> a = {1, -2, 3.5f, 0};
        const std::vector<std::int8_t> b = {-1, 0, 1};
        {
            SafetensorsWriter writer(
                path,
                {{"b", DType::i8, {3}}, {"z", DType::f32, {2, 2}}, {"a", DType::f32, {4}}, {"e", DType::bf16, {0, 7}}});
            writer.write("z", HostTensor::from_floats(a, {2, 2}));
            const auto bytes = std::as_bytes(std::span(a));
            writer.write("a", bytes.first(5)); // in pieces, between other tensors
            writer.write("b", std::as_bytes(std::span(b)));
            writer.write("a", bytes.subspan(5));
            QVERIFY(!std::filesystem::exists(path));
            writer.finish();
            QCOMPARE(std::filesystem::file_size(path), writer.file_bytes());
        }
        const auto file = SafetensorsFile::open(path);
        std::vector<std::string> names;
        for (const auto& entry : file->entries()) names.push_back(entry.name);
        QCOMPARE(names, (std::vector<std::string>{"a", "z", "e", "b"})); // widest elements first, then by name
        QCOMPARE(to_floats(file->tensor("a")), a);
        QCOMPARE(file->tensor("z").shape, (Shape{2, 2}));
        QCOMPARE(file->metadata().at("format"), std::string("pt"));
        QCOMPARE((std::filesystem::file_size(path) - 16 - 16 - 3) % 8, std::uintmax_t{0}); // header padded to 8
        for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
            QCOMPARE(entry.path().string(), path.string()); // nothing else stays
    }

    void an_unfinished_file_leaves_nothing_behind() {
        const TemporaryFolder folder;
        {
            SafetensorsWriter writer(folder / "out.safetensors", {{"a", DType::u8, {2}}});
            GRATICULE_EXPECT_ERROR(ErrorKind::internal, "0 of 2 bytes", (writer.finish(), 0));
        }
        QVERIFY(std::filesystem::is_empty(folder.path()));
    }

    void a_full_disk_is_named() {
        const TemporaryFolder folder;
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "bytes are free",
                               OutputFile(folder / "big", std::uint64_t{1} << 60));
        // A limit on the size of files stands in for the disk: the write in the middle fails.
        rlimit before = {};
        QCOMPARE(getrlimit(RLIMIT_FSIZE, &before), 0);
        const rlimit small = {4096, before.rlim_max};
        const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
        QCOMPARE(setrlimit(RLIMIT_FSIZE, &small), 0);
        const std::string found = graticule::testing::expect_error(ErrorKind::bad_input, "10000 bytes are needed", [&] {
            atomic_write_file(folder / "big", std::string(10000, 'x'));
        });
        setrlimit(RLIMIT_FSIZE, &before);
        std::signal(SIGXFSZ, old_handler);
        QVERIFY2(found.empty(), found.c_str());
        QVERIFY(std::filesystem::is_empty(folder.path()));
    }

    void reads_what_transformers_wrote_data() {
        QTest::addColumn<QString>("family");
        for (const char* family : {"opt", "llama", "gpt2", "gemma2", "phi3", "qwen3", "bloom"})
            QTest::newRow(family) << family;
    }
    void reads_what_transformers_wrote() {
        QFETCH(QString, family);
        const std::string file = "fixtures/families/" + family.toStdString() + "/expected.safetensors";
        if (!graticule::testing::have_shared(file)) QSKIP("needs the reference data fixtures/families");
        const auto expected = SafetensorsFile::open(graticule::testing::shared_dir() / file);
        QCOMPARE(expected->tensor("input_ids").shape, (Shape{2, 40}));
        QCOMPARE(expected->tensor("logits").shape.size(), std::size_t{3});
        QCOMPARE(to_floats(expected->tensor("logits")).size(),
                 static_cast<std::size_t>(element_count(expected->tensor("logits").shape)));
    }
};

GRATICULE_TEST(IoSafetensors);
#include "tst_io_safetensors.moc"
