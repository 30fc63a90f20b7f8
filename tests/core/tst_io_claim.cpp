// Two processes and one output: the second is refused before its work, whatever name it uses and whether the one lies in
// the other; what a killed one left stops nobody.
#include <QTest>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/engine/job_files.h"
#include "core/io/aside.h"
#include "core/io/before_output.h"
#include "core/io/claim.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

/// Another process that has claimed an output, until it is killed or the object goes.
class Other {
public:
    explicit Other(const std::function<void()>& take_and_keep) {
        process_ = ::fork();
        if (process_ == 0) {
            try {
                take_and_keep();
            } catch (const Error& error) {
                std::fprintf(stderr, "%s\n", error.info().message.c_str());
            }
            ::_exit(1);
        }
    }
    ~Other() { kill(); }
    Other(const Other&) = delete;
    Other& operator=(const Other&) = delete;
    void kill() {
        if (process_ <= 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        process_ = 0;
    }
    [[nodiscard]] std::string name() const { return "process " + std::to_string(process_); }

private:
    pid_t process_ = 0;
};

void keep() {
    for (;;) ::pause();
}

std::vector<fs::path> entries(const fs::path& folder) {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder)) all.push_back(entry.path().filename());
    return all;
}

bool wait_for(const fs::path& file) {
    for (int i = 0; i < 2000 && !(fs::exists(file) && fs::file_size(file) > 0); ++i) ::usleep(5000);
    return fs::exists(file);
}

} // namespace

class TestClaim : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void a_second_process_is_refused_data() {
        QTest::addColumn<QString>("name"); // of the second, of the same file
        for (const char* name : {"out.csv", "./out.csv", "sub/../out.csv", "link"}) QTest::newRow(name) << name;
    }
    void a_second_process_is_refused() {
        QFETCH(QString, name);
        const TemporaryFolder folder;
        fs::create_directory(folder / "sub");
        folder.write("out.csv", "old");
        fs::create_symlink("out.csv", folder / "link");
        Other other([&] {
            JobFiles files;
            files.writes("--csv", folder / "out.csv");
            keep();
        });
        QVERIFY(wait_for(folder / ".out.csv.graticule-0-0"));
        const fs::path place = folder.path() / name.toStdString();
        const auto declare = [&] {
            JobFiles files;
            files.writes("--csv", place);
            return 0;
        };
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, other.name(), declare());
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "is being written by", declare());
        other.kill();
        std::vector<std::string> told;
        {
            JobFiles files([&](const std::string& line) { told.push_back(line); });
            files.writes("--csv", place);
        }
        QCOMPARE(told.size(), std::size_t{1});
        QVERIFY(told.front().find("was left by a run that was killed") != std::string::npos);
        QCOMPARE(entries(folder.path()).size(), std::size_t{3});
    }

    void what_lies_in_what_is_written_counts_data() {
        QTest::addColumn<QString>("first");
        QTest::addColumn<QString>("second");
        QTest::newRow("the same folder") << "out"
                                         << "out";
        QTest::newRow("a folder in it") << "out"
                                        << "out/deep/model";
        QTest::newRow("a folder around it") << "out/deep/model"
                                            << "out";
    }
    void what_lies_in_what_is_written_counts() {
        QFETCH(QString, first);
        QFETCH(QString, second);
        const TemporaryFolder folder;
        const fs::path one = folder.path() / first.toStdString(), two = folder.path() / second.toStdString();
        const Other other([&] {
            const Claim claim(one, Claim::Kind::folder);
            keep();
        });
        QVERIFY(wait_for(beside(one, "0-0")));
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, one.string() + " is being written by",
                               (Claim(two, Claim::Kind::folder), 0));
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, one.string() + " is being written by",
                               (refuse_what_is_claimed(two, Claim::Kind::folder), 0));
        const Claim elsewhere(folder / "output", Claim::Kind::folder);
    }

    void a_file_in_a_folder_that_is_replaced_counts() {
        const TemporaryFolder folder;
        fs::create_directory(folder / "out");
        const Claim claim(folder / "out/layers.csv", Claim::Kind::file);
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "layers.csv is being written by",
                               (Claim(folder / "out", Claim::Kind::folder), 0));
        QCOMPARE(entries(folder.path()).size(), std::size_t{1}); // the refused one left nothing
    }

    void nothing_is_left_of_a_claim() {
        const TemporaryFolder folder;
        {
            const Claim claim(folder / "a/b/out", Claim::Kind::folder);
            QVERIFY(fs::is_directory(folder / "a/b"));
        }
        QVERIFY(entries(folder.path()).empty());
        {
            const Claim claim(folder / "a/b/out", Claim::Kind::folder);
            fs::create_directory(folder / "a/b/out"); // the job wrote it
        }
        QCOMPARE(entries(folder / "a/b"), std::vector<fs::path>{"out"});
    }

    void long_names_are_told_apart() {
        const TemporaryFolder folder;
        const std::string begin(200, 'n');
        const Claim one(folder / (begin + "1"), Claim::Kind::file);
        const Claim two(folder / (begin + "2"), Claim::Kind::file);
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "is being written by",
                               (Claim(folder / (begin + "1"), Claim::Kind::file), 0));
    }

    void what_somebody_else_made_stays() {
        const TemporaryFolder folder;
        const fs::path theirs = folder.write(".out.csv.graticule-0-0", "precious");
        { const Claim claim(folder / "out.csv", Claim::Kind::file); }
        std::ifstream in(theirs);
        QCOMPARE(std::string(std::istreambuf_iterator<char>(in), {}), std::string("precious"));
    }

    /// A disk without room for another file is found before the work, like one without room for its bytes.
    void too_few_files_are_found_at_once() {
        const TemporaryFolder folder;
        if (fs::path place = folder / "out";
            testing::error_message([&] { check_room(place, 1, std::uint64_t{1} << 60); }) == "no error")
            QSKIP("this file system counts no inodes");
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "more files (inodes)",
                               (check_room(folder / "out", 1, std::uint64_t{1} << 60), 0));
        check_room(folder / "out", 1, 1);
    }
};

GRATICULE_TEST(TestClaim);
#include "tst_io_claim.moc"
