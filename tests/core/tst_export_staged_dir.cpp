// A folder that appears whole or not at all, and never at the cost of something else.
#include <QTemporaryDir>
#include <QTest>
#include <fstream>

#include "core/base/error.h"
#include "core/export/staged_dir.h"
#include "core/export/unplaced.h"
#include "tests/support/test_main.h"

using namespace graticule;
namespace fs = std::filesystem;

namespace {

void put(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

std::string get(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t entries(const fs::path& folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

} // namespace

class TestStagedDir : public QObject {
    Q_OBJECT

    QTemporaryDir dir_;
    fs::path at(const char* name) const {
        return fs::path(dir_.path().toStdString()) / QTest::currentTestFunction() / name;
    }

    void refuses(const fs::path& target, const StagedDirOptions& options, const char* says) {
        try {
            const StagedDir staged(target, options);
            QFAIL("it was accepted");
        } catch (const Error& error) {
            QVERIFY2(QString::fromStdString(error.info().message).contains(says), error.what());
        }
    }

private Q_SLOTS:
    void appearsOnCommit() {
        JobContext ctx;
        StagedDir staged(at("deep/out"), {});
        put(staged.path() / "a/b.txt", "text");
        QVERIFY(!fs::exists(at("deep/out")));
        staged.commit(ctx);
        QCOMPARE(get(at("deep/out/a/b.txt")), std::string("text"));
        QCOMPARE(entries(at("deep")), std::size_t{1});
    }

    void leavesNothingWithoutCommit() {
        { put(StagedDir(at("deep/out"), {}).path() / "a.txt", "text"); }
        QVERIFY(!fs::exists(at("deep"))); // the folder above was not there either
    }

    void leavesNothingWhenCancelled() {
        JobContext ctx;
        ctx.cancel.request();
        {
            StagedDir staged(at("deep/out"), {});
            put(staged.path() / "a.txt", "text");
            QVERIFY_EXCEPTION_THROWN(staged.commit(ctx), Cancelled);
        }
        QVERIFY(!fs::exists(at("deep"))); // the folder above was not there either
    }

    void replacesItsOwn() {
        JobContext ctx;
        put(at("deep/out") / provenance_file, "old");
        put(at("deep/out/model/weights"), "old");
        StagedDir staged(at("deep/out"), {});
        QVERIFY(staged.replaces_ours());
        put(staged.path() / provenance_file, "new");
        put(staged.path() / "model/weights", "new");
        QCOMPARE(staged.commit(ctx), fs::path());
        QCOMPARE(get(at("deep/out") / provenance_file), std::string("new"));
        QCOMPARE(get(at("deep/out/model/weights")), std::string("new"));
        QCOMPARE(entries(at("deep")), std::size_t{1});
    }

    void whatSomebodyAddedToItsOwnIsKept() {
        JobContext ctx;
        put(at("deep/out") / provenance_file, "old");
        put(at("deep/out/model/README.md"), "my model card");
        StagedDir staged(at("deep/out"), {});
        put(staged.path() / provenance_file, "new");
        const fs::path aside = staged.commit(ctx);
        QCOMPARE(get(aside / "model/README.md"), std::string("my model card"));
        QCOMPARE(get(at("deep/out") / provenance_file), std::string("new"));
    }

    void whatItWroteItselfIsNot() { // an export of five shards gives way to one of two
        JobContext ctx;
        for (const bool with_more : {true, false}) {
            StagedDir staged(at("deep/out"), {});
            put(staged.path() / "model/weights-1", "weights");
            if (with_more) put(staged.path() / "model/weights-2", "weights");
            write_provenance_file(staged.path(), R"({"exporter": "one"})");
            QCOMPARE(staged.commit(ctx), fs::path());
        }
        QVERIFY(!fs::exists(at("deep/out/model/weights-2")));
        QCOMPARE(get(at("deep/out") / provenance_file),
                 std::string("{\n  \"exporter\": \"one\",\n  \"files\": [\n    \"graticule.json\",\n    "
                             "\"model/weights-1\"\n  ]\n}\n"));
        QCOMPARE(entries(at("deep")), std::size_t{1});
        put(at("deep/out/notes.txt"), "mine");
        StagedDir staged(at("deep/out"), {});
        write_provenance_file(staged.path(), "{}");
        QCOMPARE(get(staged.commit(ctx) / "notes.txt"), std::string("mine"));
    }

    void whatSomebodyChangedOfItsOwnIsKept_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("text");
        QTest::newRow("as long") << "model_card.md"
                                 << "CARD";
        QTest::newRow("longer") << "model_card.md"
                                << "card, and more";
        QTest::newRow("in a folder") << "model/config.json"
                                     << "[]";
    }
    void whatSomebodyChangedOfItsOwnIsKept() {
        QFETCH(QString, file);
        QFETCH(QString, text);
        JobContext ctx;
        const fs::path out = at(QTest::currentDataTag());
        const auto write = [&] {
            StagedDir staged(out, {});
            put(staged.path() / "model_card.md", "card");
            put(staged.path() / "model/config.json", "{}");
            write_provenance_file(staged.path(), "{}");
            return staged.commit(ctx);
        };
        QVERIFY(write().empty());
        QVERIFY(write().empty()); // as it was written: nobody's work
        put(out / file.toStdString(), text.toStdString());
        const fs::path kept = write();
        QVERIFY(!kept.empty());
        QCOMPARE(get(kept / file.toStdString()), text.toStdString());
        QCOMPARE(get(out / "model_card.md"), std::string("card"));
    }

    void whatWasPrivateStaysSo() {
        JobContext ctx;
        const auto write = [&] {
            StagedDir staged(at("out"), {});
            put(staged.path() / "model/weights", "w");
            write_provenance_file(staged.path(), "{}");
            (void)staged.commit(ctx);
        };
        const auto mode = [&](const char* name) { return fs::status(at("out") / name).permissions(); };
        write();
        fs::permissions(at("out"), fs::perms::owner_all);
        fs::permissions(at("out/model/weights"), fs::perms::owner_read | fs::perms::owner_write);
        write();
        QCOMPARE(mode(""), fs::perms::owner_all);
        QCOMPARE(mode("model/weights"), fs::perms::owner_read | fs::perms::owner_write);
    }

    void refusesWhatIsNotItsOwn() {
        put(at("out/thesis.tex"), "years of work");
        refuses(at("out"), {}, "is not empty and was not written by this program");
        put(at("file"), "");
        refuses(at("file"), {}, "is a file");
    }

    void forceMovesAsideAndKeeps() {
        JobContext ctx;
        put(at("deep/out/thesis.tex"), "years of work");
        StagedDir staged(at("deep/out"), {.keep_out_of = {}, .force = true});
        put(staged.path() / "new.txt", "new");
        const fs::path aside = staged.commit(ctx);
        QCOMPARE(get(aside / "thesis.tex"), std::string("years of work"));
        QCOMPARE(get(at("deep/out/new.txt")), std::string("new"));
    }

    void staysOutOfTheModel() {
        put(at("models/opt/config.json"), "{}");
        refuses(at("models/opt"), {.keep_out_of = at("models/opt"), .force = true}, "the model's own folder");
        refuses(at("models"), {.keep_out_of = at("models/opt"), .force = true}, "the model's own folder");
        fs::create_directory_symlink(at("models/opt"), at("link"));
        refuses(at("link"), {.keep_out_of = at("models/opt"), .force = true}, "the model's own folder");
        refuses(at("models/opt/exported"), {.keep_out_of = at("models/opt"), .force = true}, "lies in the model's own");
        QCOMPARE(entries(at("models/opt")), std::size_t{1});
        // Beside a lone .gguf, in a folder of anything, there may be one.
        put(at("downloads/model.gguf"), "GGUF");
        QVERIFY(fs::exists(StagedDir(at("downloads/exported"), {.keep_out_of = at("downloads")}).path()));
    }

    void aLinkIsFollowed() {
        JobContext ctx;
        put(at("real") / provenance_file, "old");
        fs::create_directory_symlink("real", at("link"));
        StagedDir staged(at("link"), {});
        QVERIFY(staged.replaces_ours());
        put(staged.path() / provenance_file, "new");
        staged.commit(ctx);
        QVERIFY(fs::is_symlink(at("link")));
        QCOMPARE(get(at("real") / provenance_file), std::string("new"));
        QCOMPARE(entries(at("")), std::size_t{2});
        fs::create_directory_symlink("nothing", at("dangling"));
        refuses(at("dangling"), {}, "which is not there");
    }

    void aMountPointIsRefusedBeforeTheWork() { refuses("/proc", {.keep_out_of = {}, .force = true}, "mount point"); }

    void theFolderOneIsInIsNotTakenAway() {
        const fs::path before = fs::current_path();
        put(at("out/graticule.json"), "{}");
        fs::create_directory(at("out/model"));
        for (const char* here : {"out", "out/model"}) {
            fs::current_path(at(here));
            refuses(at("out"), {}, "folder that you are in");
        }
        fs::current_path(before);
        const StagedDir staged(at("out"), {});
    }

    void whatWasKeptIsFoundAgain() {
        put(at("out/thesis.tex"), "years of work");
        put(at("out.before-1/a"), "");
        put(at("out.replaced-12/a"), "");
        put(at("out.before-x/a"), "");
        put(at("other.before-1/a"), "");
        QCOMPARE(kept_beside(at("out")), (std::vector{at("out.before-1"), at("out.replaced-12")}));
    }

    /// Killed before it was exchanged, the new folder has the name that the old one was to get.
    void whatWasNotPutInItsPlaceIsSwept() {
        JobContext ctx;
        put(at("out/graticule.json"), "{}");
        put(at("out/notes.md"), "somebody's");
        put(at("out.replaced-1/graticule.json"), "{}");
        put(at("out.replaced-1/.graticule-unplaced"), "");
        put(at("out.replaced-2/notes.md"), "kept");
        QCOMPARE(sweep_unplaced(at("out")), std::vector<fs::path>{at("out.replaced-1")});
        QVERIFY(!fs::exists(at("out.replaced-1")) && fs::exists(at("out.replaced-2/notes.md")));
        // Killed behind the exchange, it has the mark still, which must not go to what is kept of it next.
        put(at("out/.graticule-unplaced"), "");
        StagedDir staged(at("out"), {});
        put(staged.path() / "graticule.json", "{}");
        QCOMPARE(staged.commit(ctx), at("out.replaced-1"));
        QVERIFY(fs::exists(at("out.replaced-1/notes.md")) && !fs::exists(at("out.replaced-1/.graticule-unplaced")));
        QVERIFY(!fs::exists(at("out/.graticule-unplaced")));
        QVERIFY(sweep_unplaced(at("out")).empty());
        put(at("out/.graticule-unplaced"), "");
        QVERIFY(sweep_unplaced(at("out")).empty() && !fs::exists(at("out/.graticule-unplaced")));
    }

    void namesThatCannotBe_data() {
        QTest::addColumn<QString>("target");
        QTest::addColumn<QString>("says");
        QTest::newRow("none") << ""
                              << "has no name";
        QTest::newRow("too long") << QString(300, 'n') << "choose another place";
        QTest::newRow("too long to be put aside") << QString(250, 'n') << "too long for an output folder";
        QTest::newRow("too long below a new folder") << "new/" + QString(300, 'n') << "choose another place";
        QTest::newRow("below a file") << QStringLiteral(GRATICULE_SOURCE_DIR "/README.md/out")
                                      << "choose another folder";
    }
    void namesThatCannotBe() {
        QFETCH(QString, target);
        QFETCH(QString, says);
        refuses(target.toStdString(), {}, says.toUtf8().constData());
    }
};

GRATICULE_TEST(TestStagedDir);
#include "tst_export_staged_dir.moc"
