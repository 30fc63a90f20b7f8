// What is kept beside a session to be read instead of made: the same bytes, or nothing and a word about it; never more
// than the bound.
#include <QtTest/QTest>
#include <fstream>
#include <random>

#include "core/engine/kept_statistics.h"
#include "core/engine/resources.h"
#include "tests/support/short_calibration.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
namespace fs = std::filesystem;

namespace {
std::string content(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void put(const fs::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

std::string bytes_of(const ActivationStats& stats) {
    ActivationStats timeless = stats;
    timeless.seconds = timeless.seconds_observing = 0;
    std::string bytes;
    RecordWriter write([&](std::span<const std::byte> part) {
        bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    });
    write(timeless);
    return bytes;
}

std::vector<fs::path> records(const fs::path& folder) {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder)) all.push_back(entry.path());
    return all;
}
} // namespace

class RecordFolderTest : public QObject {
    Q_OBJECT

    std::string told_;
    [[nodiscard]] auto tell() {
        return [this](const std::string& line) { told_ += line + "\n"; };
    }
    [[nodiscard]] std::optional<std::string> found(const RecordFolder& folder, const std::string& key) {
        std::string text;
        const bool there = folder.find(
            key, [&](RecordReader& read) { read(text); }, tell());
        return there ? std::optional(text) : std::nullopt;
    }
    static bool keep(const RecordFolder& folder, const std::string& key, const std::string& text) {
        return folder.keep(key, [&](RecordWriter& write) { write(text); });
    }

private Q_SLOTS:
    void init() { told_.clear(); }

    void what_was_kept_is_found_under_its_key_alone() {
        const testing::TemporaryFolder place;
        const RecordFolder folder(place.path() / "a" / "b", "texts 1", 1 << 20);
        QVERIFY(!folder.has("one") && !found(folder, "one"));
        const std::string large(300'000, 'x'); // more than a piece of the buffer would hold
        QVERIFY(keep(folder, "one", "1") && keep(folder, "two", large));
        QCOMPARE(found(folder, "one"), std::optional<std::string>("1"));
        QCOMPARE(found(folder, "two"), std::optional(large));
        QVERIFY(!found(folder, "three"));
        QVERIFY(keep(folder, "one", "again"));
        QCOMPARE(found(folder, "one"), std::optional<std::string>("again"));
        QVERIFY(!found(RecordFolder(place.path() / "a" / "b", "texts 2", 1 << 20), "one")); // of another version
        QVERIFY(told_.empty());
        QVERIFY(!keep(RecordFolder(), "one", "1") &&
                !found(RecordFolder(), "one")); // that of a session without a journal
    }

    void the_oldest_goes_where_there_is_too_much() {
        const testing::TemporaryFolder place;
        const RecordFolder folder(place.path(), "texts 1", 10'000);
        const auto later = [&](int minutes) {
            for (const fs::path& file : records(place.path()))
                fs::last_write_time(file, fs::last_write_time(file) - std::chrono::minutes(minutes));
        };
        QVERIFY(!keep(folder, "large", std::string(6'000, 'x'))); // more than half
        QVERIFY(records(place.path()).empty());
        for (const char* key : {"a", "b", "c"}) {
            QVERIFY(keep(folder, key, std::string(2'900, *key)));
            later(1);
        }
        QVERIFY(found(folder, "a")); // and is the newest now
        QVERIFY(keep(folder, "d", std::string(2'900, 'd')));
        QVERIFY(found(folder, "a") && !found(folder, "b") && found(folder, "c") && found(folder, "d"));
    }

    /// Every byte counts: what was changed, cut or lengthened is not used, and it is said.
    void damage_is_as_good_as_nothing() {
        const testing::TemporaryFolder place;
        const RecordFolder folder(place.path(), "texts 1", 1 << 20);
        QVERIFY(keep(folder, "key", "some text"));
        const fs::path file = records(place.path()).at(0);
        const std::string good = content(file);
        const auto refused = [&](const std::string& bytes) {
            put(file, bytes);
            told_.clear();
            return !found(folder, "key") && told_.find(file.string()) != std::string::npos;
        };
        for (std::size_t at = 0; at < good.size(); ++at) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ 0x20);
            QVERIFY2(refused(bad), std::to_string(at).c_str());
            QVERIFY2(refused(good.substr(0, at)), std::to_string(at).c_str());
        }
        QVERIFY(refused(good + "x"));
        put(file, good);
        QCOMPARE(found(folder, "key"), std::optional<std::string>("some text"));
    }

    /// Behind the right hash too: lengths are checked before memory is asked for.
    void no_bytes_make_a_reader_do_more_than_refuse() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-opt"), ctx);
        CalibrationSpec spec = testing::short_calibration();
        spec.samples = 1;
        const std::string good = bytes_of(*calibrate(*opened.model, *opened.tokenizer, spec, ctx));
        std::mt19937 random(1);
        const auto any = [&](std::size_t below) {
            return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
        };
        int refused = 0;
        for (int i = 0; i < 300; ++i) {
            std::string bytes = good.substr(0, i % 3 == 0 ? any(good.size()) : good.size());
            for (int n = 0; n < 3 && !bytes.empty(); ++n)
                bytes[any(std::min<std::size_t>(bytes.size(), 4096))] ^= char(any(256));
            std::size_t at = 0;
            RecordReader read(
                [&](std::span<std::byte> to) {
                    std::memcpy(to.data(), bytes.data() + at, to.size());
                    at += to.size();
                },
                bytes.size(), "made");
            ActivationStats stats;
            try {
                read(stats);
            } catch (const Error&) {
                ++refused;
            }
        }
        QVERIFY2(refused > 90, std::to_string(refused).c_str());
    }

    void statistics_read_are_the_bytes_of_those_computed() {
        const testing::TemporaryFolder place;
        const RecordFolder kept = kept_statistics(place.path());
        JobContext ctx;
        ctx.log = tell();
        const OpenedModel opened = open_model(resolve_model_path("sample-llama"), ctx);
        const CalibrationSpec spec = testing::short_calibration();
        int found = 0;
        const auto look = [&](const ActivationStats& asked) {
            auto there = find_statistics(kept, *opened.model, asked, ctx);
            found += there != nullptr;
            return there;
        };
        const auto computed = calibrate(*opened.model, *opened.tokenizer, spec, ctx, {}, look);
        QCOMPARE(found, 0);
        QVERIFY(keep_statistics(kept, *opened.model, *computed));
        const auto read = calibrate(*opened.model, *opened.tokenizer, spec, ctx, {}, look);
        QCOMPARE(found, 1);
        const auto again = calibrate(*opened.model, *opened.tokenizer, spec, ctx);
        QVERIFY(bytes_of(*read) == bytes_of(*computed));
        QVERIFY(bytes_of(*read) == bytes_of(*again));
        QVERIFY(told_.empty());
        // Of other settings, another text's samples or another model they are not.
        CalibrationSpec more = spec, shorter = spec, random = spec;
        more.samples = 3;
        shorter.length = 32;
        random.pick = CalibrationSpec::Pick::random;
        for (const CalibrationSpec& other : {more, shorter, random}) {
            (void)calibrate(*opened.model, *opened.tokenizer, other, ctx, {}, look);
            QCOMPARE(found, 1);
        }
        ActivationStats asked = *computed;
        asked.sites.clear();
        asked.samples[0][0] ^= 1; // as if the text had changed and its hash had not
        QVERIFY(!find_statistics(kept, *opened.model, asked, ctx));
        QVERIFY(told_.find("not used") != std::string::npos);
    }
};

GRATICULE_TEST(RecordFolderTest);
#include "tst_record_folder.moc"
