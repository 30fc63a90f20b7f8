// The hash of a model's files: what it is, when it is believed without reading, when it is refused, and that it can be
// stopped.
#include <QTest>
#include <chrono>
#include <fstream>
#include <thread>

#include "core/base/hash.h"
#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "core/io/checkpoint.h"
#include "core/io/content_hash.h"
#include "core/io/hash_cache.h"
#include "core/io/output_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t large = std::uintmax_t{17} << 20; // above what is simply read

void write(const fs::path& path, const std::string& text, std::uintmax_t bytes = 0) {
    std::ofstream(path, std::ios::binary) << text;
    if (bytes > 0) fs::resize_file(path, bytes); // zeros, and none of them on the disk
}

void make_old(const fs::path& path) { fs::last_write_time(path, fs::file_time_type::clock::now() - 1h); }

std::string hash_of_zeros(std::string text, std::uintmax_t bytes) {
    text.resize(bytes);
    return sha256_hex(text);
}

std::string waited(ContentHash& hash) {
    JobContext ctx;
    return hash.wait(ctx);
}

std::optional<std::string> looked_up(const std::vector<fs::path>& files) {
    ContentHash hash(files);
    hash.look_up();
    return hash.known();
}

} // namespace

class TestContentHash : public QObject {
    Q_OBJECT

    TemporaryFolder folder_;
    QByteArray cache_before_;

private Q_SLOTS:
    void initTestCase() { cache_before_ = qgetenv("XDG_CACHE_HOME"); }
    void init() {
        fs::remove_all(folder_ / "cache");
        qputenv("XDG_CACHE_HOME", QByteArray::fromStdString((folder_ / "cache").string()));
    }
    void cleanupTestCase() {
        cache_before_.isEmpty() ? qunsetenv("XDG_CACHE_HOME") : qputenv("XDG_CACHE_HOME", cache_before_);
    }

    void names_and_contents_make_the_value() {
        write(folder_ / "config.json", "{}");
        write(folder_ / "model.safetensors", "weights", large);
        make_old(folder_ / "model.safetensors");
        const std::string expected = sha256_hex("config.json\n" + sha256_hex("{}") + "\nmodel.safetensors\n" +
                                                hash_of_zeros("weights", large) + "\n");
        ContentHash hash(std::vector{folder_ / "config.json", folder_ / "model.safetensors"});
        QVERIFY(!hash.known());
        hash.look_up();
        QVERIFY(!hash.known()); // the large one was never read
        hash.start();
        QCOMPARE(waited(hash), expected);
        QCOMPARE(hash.known(), std::optional(expected));
        // Small files alone need no background.
        QVERIFY(looked_up({folder_ / "config.json"}).has_value());
    }

    void a_large_file_is_remembered_while_it_is_as_it_was() {
        const fs::path file = folder_ / "weights";
        write(file, "a", large);
        make_old(file);
        ContentHash first(std::vector{file});
        const std::string value = waited(first);
        QCOMPARE(looked_up({file}), std::optional(value));
        // Another time, another size, another inode: each alone is another file.
        const auto time = fs::last_write_time(file);
        fs::last_write_time(file, time + 1s);
        QVERIFY(!looked_up({file}));
        fs::last_write_time(file, time);
        QCOMPARE(looked_up({file}), std::optional(value));
        fs::resize_file(file, large + 1);
        fs::last_write_time(file, time);
        QVERIFY(!looked_up({file}));
        fs::resize_file(file, large);
        fs::last_write_time(file, time);
        QCOMPARE(looked_up({file}), std::optional(value));
        write(folder_ / "other", "b", large);
        fs::last_write_time(folder_ / "other", time);
        fs::rename(folder_ / "other", file);
        QVERIFY(!looked_up({file}));
    }

    void what_was_written_just_now_is_not_remembered() {
        const fs::path file = folder_ / "fresh";
        write(file, "a", large);
        ContentHash hash(std::vector{file});
        QVERIFY(!waited(hash).empty());
        QVERIFY(!looked_up({file}));
    }

    void a_damaged_or_missing_cache_is_no_failure() {
        const fs::path file = folder_ / "weights2";
        write(file, "a", large);
        make_old(file);
        ContentHash first(std::vector{file});
        const std::string value = waited(first);
        int entries = 0;
        for (const auto& entry : fs::directory_iterator(folder_ / "cache/graticule/hashes")) {
            ++entries;
            const std::string hash(64, 'f'), text = "{\"version\":1,\"sha256\":\"" + hash + "\"}";
            for (const std::string& damaged : {std::string("no json"), std::string("{}"), std::string(), text}) {
                atomic_write_file(entry.path(), damaged);
                QVERIFY(!looked_up({file}));
            }
        }
        QCOMPARE(entries, 1);
        write(folder_ / "plain file", "");
        qputenv("XDG_CACHE_HOME", QByteArray::fromStdString((folder_ / "plain file").string()));
        ContentHash again(std::vector{file});
        QCOMPARE(waited(again), value);
    }

    void a_file_that_changes_under_the_model_has_no_hash() {
        const fs::path file = folder_ / "changing";
        write(file, "a", 256 << 20);
        make_old(file);
        ContentHash hash(std::vector{file});
        hash.start();
        fs::resize_file(file, (256 << 20) + 1); // before or while it is read: both are seen
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "changing: it was changed", waited(hash));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "open the model again", hash.known());
        fs::resize_file(file, 256 << 20);
        make_old(file);
        QVERIFY(!looked_up({file}));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "nowhere: cannot be read", looked_up({folder_ / "nowhere"}));
    }

    void a_file_renamed_into_its_place_is_not_what_was_opened() {
        write(folder_ / "model", "old", large);
        ContentHash hash(std::vector{folder_ / "model"});
        write(folder_ / "new", "new", large);
        fs::rename(folder_ / "new", folder_ / "model");
        QCOMPARE(waited(hash), sha256_hex("model\n" + hash_of_zeros("old", large) + "\n"));
    }

    void hashing_stops_when_asked() {
        const fs::path file = folder_ / "huge";
        write(file, "a", std::uintmax_t{40} << 30);
        const auto started = std::chrono::steady_clock::now();
        {
            ContentHash hash(std::vector{file});
            JobContext ctx;
            std::jthread user([&] {
                std::this_thread::sleep_for(200ms);
                ctx.cancel.request();
            });
            QVERIFY_THROWS_EXCEPTION(Cancelled, hash.wait(ctx));
        }
        QVERIFY(std::chrono::steady_clock::now() - started < 1200ms); // 200 ms and at most a second
    }

    void results_carry_it() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-opt"), ctx);
        const auto files = opened.model->parts().checkpoint->files();
        ContentHash hash(files);
        QCOMPARE(opened.model->hash(ctx), waited(hash));
    }
};

GRATICULE_TEST(TestContentHash);
#include "tst_content_hash.moc"
