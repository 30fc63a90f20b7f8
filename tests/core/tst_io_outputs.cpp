// What is written: never over what is read, never twice to one file, whole or not at all, and what a killed writer left
// is swept. What is read: a file that shrinks under the program is an error that names it.
#include <QTest>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/base/cancel_point.h"
#include "core/base/job_context.h"
#include "core/base/new_mappings.h"
#include "core/engine/engine.h"
#include "core/engine/job_files.h"
#include "core/engine/record_folder.h"
#include "core/engine/resources.h"
#include "core/io/aside.h"
#include "core/io/before_output.h"
#include "core/io/mapped_file.h"
#include "core/io/output_file.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// In another process, which is then killed with its outputs half-written.
template <class Work>
void in_a_killed_process(Work work) {
    const pid_t child = ::fork();
    if (child == 0) {
        work();
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    QVERIFY(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

std::vector<fs::path> entries(const fs::path& folder) {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder)) all.push_back(entry.path().filename());
    return all;
}

/// A static object older than the first mapping, and so destroyed after whatever that made: its file must still be
/// good.
struct HeldPastMain {
    std::shared_ptr<const MappedFile> file;
    ~HeldPastMain() {
        if (file) file->verify(); // throws out of a destructor: the program fails
    }
} held_past_main;

} // namespace

class TestOutputs : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void an_output_is_never_an_input_data() {
        QTest::addColumn<QString>("output"); // of a command that reads in.txt
        for (const char* name : {"in.txt", "./in.txt", "link", "hard", "sub/../in.txt"}) QTest::newRow(name) << name;
    }
    void an_output_is_never_an_input() {
        QFETCH(QString, output);
        const TemporaryFolder folder;
        folder.write("in.txt", "text");
        fs::create_directory(folder / "sub");
        fs::create_symlink("in.txt", folder / "link");
        fs::create_hard_link(folder / "in.txt", folder / "hard");
        const fs::path out = folder.path() / output.toStdString();
        JobFiles first, second;
        first.reads("--text", folder / "in.txt");
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "is read as --text", (first.writes("--csv", out), 0));
        second.writes("--csv", out); // the other order
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "is read as --text", (second.reads("--text", folder / "in.txt"), 0));
        QCOMPARE(content(folder / "in.txt"), std::string("text"));
    }

    void two_outputs_are_never_one_file() {
        const TemporaryFolder folder;
        JobFiles files;
        files.writes("--csv", folder / "out");
        files.writes("--csv", "/dev/null");
        files.writes("--dequantized", "/dev/null"); // takes any number
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "is written as --csv",
                               (files.writes("--dequantized", folder.path() / "." / "out"), 0));
    }

    void an_output_folder_holds_no_input() {
        const TemporaryFolder folder;
        folder.write("out/sub/recipe.json", "{}");
        JobFiles files;
        files.reads("the recipe", folder / "out/sub/recipe.json");
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "is read as the recipe",
                               (files.writes_folder("--out", folder / "out"), 0));
        files.writes_folder("--out", folder / "other");
    }

    void a_link_is_followed_and_one_that_leads_nowhere_refused() {
        const TemporaryFolder folder;
        folder.write("real.csv", "old");
        fs::create_symlink("real.csv", folder / "link.csv");
        atomic_write_file(folder / "link.csv", std::string_view("new"));
        QVERIFY(fs::is_symlink(folder / "link.csv"));
        QCOMPARE(content(folder / "real.csv"), std::string("new"));
        fs::create_symlink("nothing", folder / "dangling");
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "which is not there", (check_output_file(folder / "dangling"), 0));
        fs::create_symlink("loop", folder / "loop");
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "loop", (check_output_file(folder / "loop"), 0));
    }

    void names_as_long_as_may_be() {
        const TemporaryFolder folder;
        const std::string longest(255, 'n');
        atomic_write_file(folder / longest, std::string_view("text"));
        QCOMPARE(content(folder / longest), std::string("text"));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "256 bytes", (check_output_file(folder / (longest + "n")), 0));
    }

    /// Of the open model, whatever it has of it: under names that loaders read nothing else is put.
    void nothing_is_written_under_a_name_that_loaders_read() {
        const TemporaryFolder folder;
        fs::copy(resolve_model_path("sample-opt"), folder.path(), fs::copy_options::recursive);
        JobContext ctx;
        const auto model = open_model(folder.path(), ctx).model;
        for (const char* name : {"model.safetensors.index.json", "more.safetensors", "tokenizer_config.json"}) {
            JobFiles after, before;
            after.reads_model(*model);
            GRATICULE_EXPECT_ERROR(ErrorKind::usage, "under a name that loaders read",
                                   (after.writes("--csv", folder / name), 0));
            before.writes("--csv", folder / name);
            GRATICULE_EXPECT_ERROR(ErrorKind::usage, "under a name that loaders read", (before.reads_model(*model), 0));
        }
        JobFiles files;
        files.reads_model(*model);
        files.writes("--csv", folder / "layers.csv");
    }

    /// A name alone makes nothing the program's.
    void what_somebody_else_made_is_not_swept() {
        const TemporaryFolder folder;
        fs::create_directory(folder / ".mine.graticule-99999-0");
        std::ofstream(folder / ".mine.graticule-99999-0/data") << "precious";
        std::ofstream(folder / ".mine.graticule-99999-1") << "precious";
        QVERIFY(sweep_leftovers(folder.path()).empty());
        QCOMPARE(content(folder / ".mine.graticule-99999-0/data"), std::string("precious"));
        atomic_write_file(folder / "out", std::string_view("text"));
        QCOMPARE(fs::status(folder / "out").permissions() & fs::perms::sticky_bit, fs::perms::none);
    }

    void what_was_private_stays_so() {
        const TemporaryFolder folder;
        const fs::path file = folder.path() / "out.csv";
        atomic_write_file(file, "one");
        fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
        if (::geteuid() == 0) QCOMPARE(::chown(file.c_str(), 1000, 1000), 0);
        atomic_write_file(file, "two");
        struct stat now = {};
        QCOMPARE(::stat(file.c_str(), &now), 0);
        QCOMPARE(now.st_mode & 07777U, 0600U);
        if (::geteuid() == 0) QCOMPARE(now.st_uid, uid_t{1000});
        QCOMPARE(content(file), std::string("two"));
    }

    /// What a full disk is said of is what somebody named, not what lies beside it meanwhile.
    void a_message_names_the_output() {
        const std::string message = testing::error_message(
            [] { throw_write_failure("/tmp/.export.graticule-1323-0/model/config.json", "writing", EIO, 0); });
        QVERIFY2(message.starts_with("/tmp/export/model/config.json: "), message.c_str());
    }

    /// Before the work, as far as its size can be told: not at the end.
    void a_disk_that_is_too_small_is_found_at_once() {
        const TemporaryFolder folder;
        const fs::path file = folder.path() / "large.csv";
        const std::string message = testing::error_message([&] { check_room(file, std::uint64_t{1} << 60); });
        QVERIFY2(message.find("the disk is full: 1152921504606846976 bytes are needed") != std::string::npos,
                 message.c_str());
        QVERIFY(!fs::exists(file));
        check_room(file, 1000);
        QVERIFY(!fs::exists(file));
    }

    void a_device_is_written_through() {
        const TemporaryFolder folder;
        const fs::path full = folder / "full"; // a name of its own: nothing can happen to the real one
        fs::create_symlink("/dev/full", full);
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "the device takes nothing more",
                               (atomic_write_file(full, std::string_view("text")), 0));
        QVERIFY(fs::is_character_file(full));
    }

    void a_pipe_is_written_front_to_back() {
        const TemporaryFolder folder;
        const fs::path pipe = folder / "pipe";
        QCOMPARE(::mkfifo(pipe.c_str(), 0600), 0);
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "No such device",
                               (OutputFile(pipe), 0)); // nobody reads it, and nobody could stop waiting
        const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
        atomic_write_file(pipe, std::string_view("text"));
        char got[5] = {};
        QCOMPARE(::read(reader, got, 4), ssize_t{4});
        ::close(reader);
        QCOMPARE(std::string(got), std::string("text"));
        QVERIFY(fs::is_fifo(pipe));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "front to back", (check_output_file(pipe, WritingOrder::any), 0));
    }

    /// As cp does; where there is a job, which can be stopped.
    void a_job_waits_for_the_reader_of_a_pipe() {
        const TemporaryFolder folder;
        const fs::path pipe = folder / "pipe";
        QCOMPARE(::mkfifo(pipe.c_str(), 0600), 0);
        JobContext job;
        const CancelScope scope(job);
        std::string told;
        std::string got;
        std::thread reader;
        job.log = [&](const std::string& line) {
            told = line;
            reader = std::thread([&] { got = content(pipe); });
        };
        const std::string large(1 << 20, 'x'); // more than a pipe holds
        atomic_write_file(pipe, std::string_view(large));
        reader.join();
        QVERIFY2(told.find("waiting for somebody who reads " + pipe.string()) != std::string::npos, told.c_str());
        QVERIFY(got == large);
        job.log = [&](const std::string&) { job.cancel.request(); };
        QVERIFY_EXCEPTION_THROWN(atomic_write_file(pipe, std::string_view("text")), Cancelled);
    }
    void a_reader_that_stops_or_goes_holds_nobody() {
        const TemporaryFolder folder;
        const fs::path pipe = folder / "pipe";
        QCOMPARE(::mkfifo(pipe.c_str(), 0600), 0);
        const std::string large(1 << 20, 'x');
        int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK); // reads nothing
        JobContext job;
        const CancelScope scope(job);
        std::thread user([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            job.cancel.request();
        });
        QVERIFY_EXCEPTION_THROWN(atomic_write_file(pipe, std::string_view(large)), Cancelled);
        user.join();
        const CancelScope none(nullptr);
        std::thread leaver([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            ::close(reader);
        });
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "Broken pipe",
                               (atomic_write_file(pipe, std::string_view(large)), 0));
        leaver.join();
    }

    void what_a_killed_writer_left_is_swept_and_told() {
        const TemporaryFolder folder;
        in_a_killed_process([&] {
            OutputFile file(folder / "out.csv");
            file.append(std::as_bytes(std::span("half", 4)));
            const Aside staging(folder / "out", Aside::Kind::folder);
            std::ofstream(staging.path() / "weights") << "half";
            ::kill(::getpid(), SIGKILL);
        });
        QCOMPARE(entries(folder.path()).size(), std::size_t{2});
        folder.write(".notes.graticule-x", "somebody's own");
        const OutputFile alive(folder / "other.csv"); // of this process, which lives
        std::vector<std::string> told;
        {
            JobFiles files([&](const std::string& line) { told.push_back(line); });
            files.writes("--csv", folder / "out.csv");
        }
        QCOMPARE(told.size(), std::size_t{2});
        QVERIFY(told.front().find("was left by a run that was killed") != std::string::npos);
        QCOMPARE(entries(folder.path()).size(), std::size_t{2});
        QVERIFY(fs::exists(folder / ".notes.graticule-x"));
    }

    void what_a_file_lacks_by_the_time_it_is_written_is_told_apart_data() {
        QTest::addColumn<int>("code");
        QTest::addColumn<QString>("says");
        QTest::newRow("quota") << EDQUOT << "the disk quota is used up";
        QTest::newRow("limit") << EFBIG << "7 bytes are needed";
        QTest::newRow("disk") << ENOSPC << "the disk is full: 7 bytes are needed";
        QTest::newRow("other") << EIO << "writing: Input/output error";
    }
    void what_a_file_lacks_by_the_time_it_is_written_is_told_apart() {
        QFETCH(int, code);
        QFETCH(QString, says);
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, says.toStdString(),
                               (throw_write_failure("/tmp/out", "writing", code, 7), 0));
    }

    void a_file_that_shrinks_while_mapped_is_an_error_data() {
        QTest::addColumn<qint64>("bytes"); // left of 40 pages
        QTest::newRow("whole pages") << qint64{4096 * 3};
        QTest::newRow("part of a page") << qint64{4096 * 40 - 100};
        QTest::newRow("all") << qint64{0};
    }
    void a_file_that_shrinks_while_mapped_is_an_error() {
        QFETCH(qint64, bytes);
        const TemporaryFolder folder;
        const fs::path path = folder.write("model.bin", std::string(4096 * 40, 'x'));
        JobContext ctx;
        {
            const auto file = MappedFile::open(path);
            file->verify();
            verify_mappings();
            QCOMPARE(::truncate(path.c_str(), bytes), 0);
            std::size_t sum = 0; // reading goes on, on this thread as on any
            for (const std::byte byte : file->bytes()) sum += static_cast<std::size_t>(byte);
            QCOMPARE(sum, static_cast<std::size_t>(bytes) * 'x');
            if (bytes % 4096 == 0) GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(), (ctx.advance(), 0));
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(), (file->verify(), 0));
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(), (verify_mappings(), 0));
            GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(),
                                   (atomic_write_file(folder / "out", file->bytes()), 0));
            QVERIFY(!fs::exists(folder / "out"));
        }
        ctx.advance(); // it is no longer mapped: what has nothing to do with it goes on
        verify_mappings();
    }

    void a_damaged_file_is_no_concern_of_who_opens_it_again() {
        const TemporaryFolder folder;
        const std::string whole(4096 * 40, 'x');
        const fs::path path = folder.write("model.bin", whole);
        JobContext ctx;
        const auto damaged = MappedFile::open(path);
        QCOMPARE(::truncate(path.c_str(), 4096), 0);
        QCOMPARE(damaged->bytes().back(), std::byte{0});
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(), (ctx.advance(), 0));
        fs::remove(path); // restored, as another file of that name
        (void)folder.write("model.bin", whole);
        std::shared_ptr<const MappedFile> again;
        MappingMark before{};
        {
            const NewMappingsOnly apart;
            before = mapping_mark();
            again = MappedFile::open(path);
            ctx.advance();
            verify_mappings();
        }
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(), (verify_mappings(), 0)); // of all others it is
        const std::string typed = "w=int4";
        atomic_write_file(folder / "recipe", typed, Origin::checked_before); // no file went into it
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(), (atomic_write_file(folder / "out", typed), 0));
        const RecordFolder kept(folder / "kept", "texts 1", 1 << 20);
        const auto write = [&](RecordWriter& to) { to(typed); };
        QVERIFY(kept.keep("of before", write, Origin::checked_before));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(), kept.keep("of now", write));
        QVERIFY(kept.has("of before") && !kept.has("of now"));
        give_up_mappings(before);
        ctx.advance();
        verify_mappings();
        QCOMPARE(::truncate(path.c_str(), 4096), 0); // the new one is watched as the old one was
        QCOMPARE(again->bytes().back(), std::byte{0});
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, path.string(), (ctx.advance(), 0));
    }

    // The rest of this check is HeldPastMain's destructor.
    void a_mapping_may_outlive_main() {
        const TemporaryFolder folder;
        held_past_main.file = MappedFile::open(folder.write("model.bin", std::string(10000, 'x')));
        held_past_main.file->verify();
    }

    void a_fault_elsewhere_still_ends_the_program() {
        const TemporaryFolder folder;
        const auto guarded = MappedFile::open(folder.write("model.bin", "text")); // the handler is there
        const pid_t child = ::fork();
        if (child == 0) {
            ::raise(SIGBUS);
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    }
};

GRATICULE_TEST(TestOutputs);
#include "tst_io_outputs.moc"
