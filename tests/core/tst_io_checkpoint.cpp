// Opening models as people have them: folders, lone files, shards, the Hugging Face cache; and what each wrong one
// says.
#include <QTest>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/io/hub_cache.h"
#include "core/io/json_file.h"
#include "core/io/mapped_file.h"
#include "core/io/safetensors.h"
#include "core/io/tokenizer.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

const char* const config = R"({"model_type":"llama","hidden_size":4})";
const char* const commit = "0123456789abcdef0123456789abcdef01234567";

void write_tensors(const fs::path& file, const std::vector<std::string>& names) {
    std::vector<SafetensorsSpec> specs;
    for (const auto& name : names) specs.push_back({name, DType::u8, {1}});
    SafetensorsWriter writer(file, specs);
    for (const auto& name : names) writer.write(name, std::as_bytes(std::span("x", 1)));
    writer.finish();
}

void write_index(const TemporaryFolder& folder, const std::map<std::string, std::string>& map) {
    folder.write("model.safetensors.index.json",
                 nlohmann::json{{"metadata", {{"total_size", 2}}}, {"weight_map", map}}.dump());
}

/// Sets a variable of the environment for a test and puts it back.
class Environment {
public:
    Environment(const char* name, const QByteArray& value)
        : name_(name)
        , before_(qgetenv(name))
        , was_set_(qEnvironmentVariableIsSet(name)) {
        qputenv(name, value);
    }
    ~Environment() {
        if (was_set_)
            qputenv(name_, before_);
        else
            qunsetenv(name_);
    }

private:
    const char* name_;
    QByteArray before_;
    bool was_set_;
};

} // namespace

class IoCheckpoint : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void one_file() {
        const TemporaryFolder folder;
        folder.write("config.json", config);
        write_tensors(folder / "model.safetensors", {"b", "a"});
        for (const fs::path& path : {folder.path(), folder / "model.safetensors", folder / "config.json"}) {
            const auto checkpoint = open_checkpoint(path);
            QCOMPARE(checkpoint->container(), std::string("safetensors"));
            QCOMPARE(checkpoint->tensor_names(), (std::vector<std::string>{"a", "b"}));
            QCOMPARE(checkpoint->config_json(), std::string(config));
            QCOMPARE(checkpoint->files().size(), std::size_t{2});
            QVERIFY(checkpoint->contains("a") && !checkpoint->contains("c"));
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "no tensor \"c\"", checkpoint->tensor("c"));
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "has no tokenizer", open_tokenizer(*checkpoint));
        }
    }

    void a_tensor_outlives_its_checkpoint() {
        const TemporaryFolder folder;
        folder.write("config.json", config);
        write_tensors(folder / "model.safetensors", {"a"});
        const HostTensor tensor = open_checkpoint(folder.path())->tensor("a");
        QCOMPARE(static_cast<char>(tensor.bytes[0]), 'x');
    }

    void shards() {
        const TemporaryFolder folder;
        folder.write("config.json", config);
        write_tensors(folder / "model-00001-of-00002.safetensors", {"b", "extra"});
        write_tensors(folder / "model-00002-of-00002.safetensors", {"a"});
        write_index(folder, {{"a", "model-00002-of-00002.safetensors"}, {"b", "model-00001-of-00002.safetensors"}});
        for (const fs::path& path : {folder.path(), folder / "model.safetensors.index.json"}) {
            const auto checkpoint = open_checkpoint(path);
            QCOMPARE(checkpoint->container(), std::string("safetensors, 2 shards"));
            QCOMPARE(checkpoint->tensor_names(), (std::vector<std::string>{"b", "extra", "a"})); // in file order
            QCOMPARE(checkpoint->files().size(), std::size_t{4});
            QCOMPARE(checkpoint->warnings().size(), std::size_t{1});
            QVERIFY(checkpoint->warnings().front().find("not in the index; they are read all the same: extra") !=
                    std::string::npos);
        }
    }

    /// What a shard holds counts, whatever the index says of it; each difference is said.
    void an_index_that_is_wrong() {
        const TemporaryFolder folder;
        folder.write("config.json", config);
        write_tensors(folder / "model-00001-of-00003.safetensors", {"a"});
        write_tensors(folder / "model-00002-of-00003.safetensors", {"b"});
        write_tensors(folder / "model-00003-of-00003.safetensors", {"c"});
        write_tensors(folder / "model-00001-of-00004.safetensors", {"of another model"});
        write_index(folder, {{"a", "model-00002-of-00003.safetensors"},
                             {"b", "model-00001-of-00003.safetensors"},
                             {"nowhere", "model-00001-of-00003.safetensors"}});
        const auto checkpoint = open_checkpoint(folder.path());
        QCOMPARE(checkpoint->tensor_names(), (std::vector<std::string>{"a", "b", "c"}));
        std::string said;
        for (const std::string& warning : checkpoint->warnings()) said += warning + "\n";
        for (const char* text : {"does not name model-00003-of-00003.safetensors",
                                 "a (in model-00001-of-00003.safetensors), b (in model-00002",
                                 "in no shard: nowhere (model-00001-of-00003.safetensors)",
                                 "not in the index; they are read all the same: c"})
            QVERIFY2(said.find(text) != std::string::npos, said.c_str());
    }

    void broken_shards_data() {
        QTest::addColumn<QByteArray>("index");
        QTest::addColumn<QString>("says");
        QTest::newRow("escapes the folder")
            << QByteArray(R"({"weight_map":{"a":"../secret.safetensors"}})") << "not a plain file name";
        QTest::newRow("absolute") << QByteArray(R"({"weight_map":{"a":"/etc/passwd"}})") << "not a plain file name";
        QTest::newRow("drive") << QByteArray(R"({"weight_map":{"a":"c:x"}})") << "not a plain file name";
        QTest::newRow("zero byte") << QByteArray(R"({"weight_map":{"a":"one\u0000.safetensors"}})")
                                   << "not a plain file name";
        QTest::newRow("long name") << QByteArray(R"({"weight_map":{"a":"NAME"}})").replace("NAME", QByteArray(300, 'x'))
                                   << "its shard's name has 300 bytes, and at most 255";
        QTest::newRow("missing shard") << QByteArray(R"({"weight_map":{"a":"three.safetensors"}})")
                                       << "three.safetensors with 1 tensors is missing";
        QTest::newRow("in two shards")
            << QByteArray(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors","both":"one.safetensors"}})")
            << "\"both\" is in one.safetensors too";
        QTest::newRow("not a name") << QByteArray(R"({"weight_map":{"a":1}})") << "not a file name";
        QTest::newRow("no map") << QByteArray(R"({"metadata":{}})") << "weight_map";
        QTest::newRow("empty map") << QByteArray(R"({"weight_map":{}})") << "empty";
        QTest::newRow("twice") << QByteArray(R"({"weight_map":{"a":"one.safetensors","a":"two.safetensors"}})")
                               << "occurs twice";
    }
    void broken_shards() {
        QFETCH(QByteArray, index);
        QFETCH(QString, says);
        const TemporaryFolder folder;
        folder.write("config.json", config);
        write_tensors(folder / "one.safetensors", {"a", "both"});
        write_tensors(folder / "two.safetensors", {"b", "both"});
        folder.write("model.safetensors.index.json", index.toStdString());
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, says.toStdString(), open_checkpoint(folder.path()));
    }

    void wrong_places_data() {
        QTest::addColumn<QStringList>("files");
        QTest::addColumn<int>("kind");
        QTest::addColumn<QString>("says");
        const int bad = static_cast<int>(ErrorKind::bad_input), unsupported = static_cast<int>(ErrorKind::unsupported);
        QTest::newRow("empty") << QStringList{} << bad << "holds no model";
        QTest::newRow("config only") << QStringList{"config.json"} << bad << "the download is incomplete";
        QTest::newRow("pickle only") << QStringList{"config.json", "pytorch_model.bin"} << unsupported
                                     << "save_pretrained";
        QTest::newRow("pickle shards") << QStringList{"config.json", "pytorch_model-00001-of-00002.bin",
                                                      "pytorch_model.bin.index.json"}
                                       << unsupported << "safe_serialization";
        QTest::newRow("several files") << QStringList{"config.json", "x.safetensors", "y.safetensors"} << bad
                                       << "x.safetensors, y.safetensors";
        QTest::newRow("a run's output") << QStringList{"report.md", "model/config.json"} << bad << "open /";
        QTest::newRow("several GGUF files") << QStringList{"x.gguf", "y.gguf"} << bad << "x.gguf, y.gguf";
    }
    void wrong_places() {
        QFETCH(QStringList, files);
        QFETCH(int, kind);
        QFETCH(QString, says);
        const TemporaryFolder folder;
        for (const QString& file : files) folder.write(file.toStdString(), "{}");
        GRATICULE_EXPECT_ERROR(static_cast<ErrorKind>(kind), says.toStdString(), open_checkpoint(folder.path()));
    }

    void lone_files_are_told_by_content() {
        const TemporaryFolder folder;
        write_tensors(folder / "model.safetensors", {"a"});
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "no config.json beside it",
                               open_checkpoint(folder / "model.safetensors"));
        // A pickle renamed to .safetensors is still a pickle.
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "can run code",
                               open_checkpoint(folder.write("zip.safetensors", "PK\x03\x04rest")));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "no such file", open_checkpoint(folder / "absent.safetensors"));
        folder.write("config.json", R"({"a":1,"a":2})");
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "occurs twice", open_checkpoint(folder / "model.safetensors"));
        folder.write("config.json", "[]");
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "not a JSON object",
                               open_checkpoint(folder / "model.safetensors"));
    }

    void what_is_no_gguf_says_so_data() {
        QTest::addColumn<QByteArray>("bytes");
        for (const char* bytes : {"", "G", "GGU", "\x08 no magic, and longer than a header's length"})
            QTest::addRow("%zu bytes", std::strlen(bytes)) << QByteArray(bytes);
    }
    void what_is_no_gguf_says_so() {
        QFETCH(QByteArray, bytes);
        const TemporaryFolder folder;
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "not a GGUF file: its " + std::to_string(bytes.size()) + " bytes",
                               open_checkpoint(folder.write("model.gguf", bytes.toStdString())));
    }

    void files_and_folders_are_told_apart() {
        const TemporaryFolder folder;
        const fs::path file = folder.write("config.json", config);
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "config.json is a file, not a folder",
                               open_checkpoint(file / "deep" / "model.safetensors"));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "is a folder; a file is expected",
                               MappedFile::open(folder.path()));
    }

    void hub_cache_with_links() {
        const TemporaryFolder cache;
        const fs::path repo = cache / "models--org--name";
        fs::create_directories(repo / "blobs");
        fs::create_directories(repo / "snapshots" / commit);
        cache.write("models--org--name/refs/main", std::string(commit) + "\n");
        cache.write("models--org--name/blobs/c0ffee", config);
        write_tensors(repo / "blobs" / "beef", {"a"});
        fs::create_symlink("../../blobs/c0ffee", repo / "snapshots" / commit / "config.json");
        fs::create_symlink("../../blobs/beef", repo / "snapshots" / commit / "model.safetensors");
        const Environment environment("HF_HUB_CACHE", cache.path().c_str());
        for (const fs::path& path : {fs::path("org/name"), repo, repo / "snapshots" / commit})
            QCOMPARE(open_checkpoint(path)->tensor_names(), std::vector<std::string>{"a"});
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "no such model in the Hugging Face cache",
                               open_checkpoint("org/other"));

        // A link out of the repository is not followed.
        const TemporaryFolder elsewhere;
        write_tensors(elsewhere / "model.safetensors", {"a"});
        fs::remove(repo / "snapshots" / commit / "model.safetensors");
        fs::create_symlink(elsewhere / "model.safetensors", repo / "snapshots" / commit / "model.safetensors");
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "outside its repository", open_checkpoint("org/name"));
    }

    void hub_cache_references_data() {
        QTest::addColumn<QByteArray>("reference");
        QTest::addColumn<QString>("says");
        QTest::newRow("escapes") << QByteArray("../../..") << "does not hold a commit";
        QTest::newRow("short") << QByteArray("abc") << "does not hold a commit";
        QTest::newRow("not downloaded") << QByteArray(40, 'f') << "the download is incomplete";
    }
    void hub_cache_references() {
        QFETCH(QByteArray, reference);
        QFETCH(QString, says);
        const TemporaryFolder cache;
        fs::create_directories(cache.path() / "models--gpt2" / "snapshots" / commit);
        cache.write("models--gpt2/refs/main", reference.toStdString());
        const Environment environment("HF_HUB_CACHE", cache.path().c_str());
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, says.toStdString(), open_checkpoint("gpt2"));
    }

    void where_the_cache_is() {
        const Environment hub("HF_HUB_CACHE", ""), legacy("HUGGINGFACE_HUB_CACHE", ""), home("HF_HOME", "/h"),
            user("HOME", "/me");
        QCOMPARE(hub_cache_folder().string(), std::string("/h/hub"));
        const Environment legacy_set("HUGGINGFACE_HUB_CACHE", "~/legacy");
        QCOMPARE(hub_cache_folder().string(), std::string("/me/legacy"));
        const Environment hub_set("HF_HUB_CACHE", "/c");
        QCOMPARE(hub_cache_folder().string(), std::string("/c"));
    }

    void repository_names() {
        for (const char* good : {"gpt2", "facebook/opt-125m", "a.b/c_d"}) QVERIFY(is_repo_id(good));
        for (const char* wrong : {"", "a/b/c", "../x", "a--b", "x.git", "/abs", "a b"}) QVERIFY(!is_repo_id(wrong));
    }

    void json_is_strict_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QString>("says");
        QTest::newRow("duplicate key inside") << QByteArray(R"({"a":[{"b":1,"b":2}]})") << "\"b\" occurs twice";
        QTest::newRow("NaN") << QByteArray(R"({"a":NaN})") << "not valid JSON";
        QTest::newRow("comment") << QByteArray("{}//") << "not valid JSON";
        QTest::newRow("lone surrogate") << QByteArray(R"({"a":"\ud800"})") << "not valid JSON";
        QTest::newRow("huge number") << QByteArray("1e999") << "not valid JSON";
        QTest::newRow("too deep") << QByteArray(65, '[') + QByteArray(65, ']') << "64 levels";
        QTest::newRow("empty") << QByteArray() << "not valid JSON";
        QTest::newRow("cut off") << QByteArray(R"({"a":)") << "not valid JSON";
    }
    void json_is_strict() {
        QFETCH(QByteArray, text);
        QFETCH(QString, says);
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, says.toStdString(), parse_json(text.toStdString(), "file.json"));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "file.json", parse_json(text.toStdString(), "file.json"));
    }
    void json_is_read() {
        const auto value = parse_json(R"( {"a":[1,-2,2.5,true,null,"\u00e9"],"b":{"a":{}}} )", "file.json");
        QVERIFY(value == nlohmann::json::parse(R"({"a":[1,-2,2.5,true,null,"é"],"b":{"a":{}}})"));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "at most 3", parse_json("[1,2]", "file.json", {3}));
        QCOMPARE(parse_json(std::string(64, '[') + std::string(64, ']'), "file.json").size(), std::size_t{1});
    }

    void samples_open() {
        GRATICULE_NEEDS_SHARED("models/sample-opt");
        const auto checkpoint = open_checkpoint(graticule::testing::shared_dir() / "models/sample-opt");
        QCOMPARE(checkpoint->tensor("model.decoder.layers.0.fc1.weight").shape, (Shape{1024, 256}));
        QCOMPARE(open_tokenizer(*checkpoint)->vocab_size(), std::int64_t{5120});
    }
};

GRATICULE_TEST(IoCheckpoint);
#include "tst_io_checkpoint.moc"
