// The rules that make one text of a file, and windows.
#include <QTest>
#include <string>
#include <vector>

#include "core/io/corpus.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;

class IoCorpus : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void rules_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("rule");
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QString>("applied");
        const int automatic = static_cast<int>(TextRule::automatic), gptq = static_cast<int>(TextRule::gptq),
                  raw = static_cast<int>(TextRule::raw);
        QTest::newRow("WikiText") << "wiki.test.raw" << QByteArray(" \n = T = \n \n a b \n") << automatic
                                  << QByteArray("\n\n = T = \n\n\n\n\n a b \n") << "gptq";
        QTest::newRow("WikiText as it is")
            << "wiki.test.raw" << QByteArray(" \n = T = \n") << raw << QByteArray(" \n = T = \n") << "raw";
        QTest::newRow("WikiText with the line ends of Windows")
            << "wiki.test.raw" << QByteArray(" \r\n = T = \r\n \r\n a b \r\n") << automatic
            << QByteArray("\n\n = T = \n\n\n\n\n a b \n") << "gptq";
        QTest::newRow("a return inside a line")
            << "wiki.test.raw" << QByteArray("a\rb\r\r\n") << automatic << QByteArray("a\rb\r\n") << "gptq";
        QTest::newRow("plain text keeps them")
            << "book.txt" << QByteArray("a\r\nb") << automatic << QByteArray("a\r\nb") << "raw";
        QTest::newRow("plain text") << "book.txt" << QByteArray("a\n\nb") << automatic << QByteArray("a\n\nb") << "raw";
        QTest::newRow("plain text as GPTQ")
            << "book.txt" << QByteArray("a\nb") << gptq << QByteArray("a\n\n\nb") << "gptq";
        QTest::newRow("JSON lines") << "c4.jsonl" << QByteArray("{\"text\":\"a\"}\n\n{\"text\":\"b\\n\",\"url\":1}\n")
                                    << automatic << QByteArray("a\n\nb\n") << "jsonl";
    }
    void rules() {
        QFETCH(QString, name);
        QFETCH(QByteArray, bytes);
        QFETCH(int, rule);
        QFETCH(QByteArray, text);
        QFETCH(QString, applied);
        const graticule::testing::TemporaryFolder folder;
        const Corpus corpus =
            load_corpus(folder.write(name.toStdString(), bytes.toStdString()), static_cast<TextRule>(rule));
        QCOMPARE(QByteArray::fromStdString(corpus.text), text);
        QCOMPARE(QString::fromStdString(corpus.rule), applied);
        QCOMPARE(QString::fromStdString(corpus.name), name);
    }

    void refused_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<QString>("says");
        QTest::newRow("Latin-1") << "a.txt" << QByteArray("caf\xE9 au lait") << "byte 0xE9 at offset 3";
        QTest::newRow("surrogate") << "a.txt" << QByteArray("\xED\xA0\x80") << "offset 0";
        QTest::newRow("overlong") << "a.txt" << QByteArray("0123456789\xC0\x80") << "offset 10";
        QTest::newRow("cut off") << "a.txt" << QByteArray("\xE2\x96") << "offset 0";
        QTest::newRow("empty") << "a.txt" << QByteArray() << "holds no text";
        QTest::newRow("line without text")
            << "a.jsonl" << QByteArray("{\"text\":\"a\"}\n{\"t\":1}") << "line 2 is not an object with a \"text\"";
        QTest::newRow("line is no JSON") << "a.jsonl" << QByteArray("hello") << "line 1 is not valid JSON";
    }
    void refused() {
        QFETCH(QString, name);
        QFETCH(QByteArray, bytes);
        QFETCH(QString, says);
        const graticule::testing::TemporaryFolder folder;
        const auto file = folder.write(name.toStdString(), bytes.toStdString());
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, says.toStdString(), load_corpus(file));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, file.string(), load_corpus(file)); // named in full in the context
    }

    void not_a_file() {
        const graticule::testing::TemporaryFolder folder;
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "is a folder", load_corpus(folder.path()));
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, "No such file", load_corpus(folder / "absent.txt"));
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "\"best\"", parse_text_rule("best"));
    }

    void windows() {
        const std::vector<std::int32_t> ids = {0, 1, 2, 3, 4, 5, 6};
        const auto cut = cut_windows(ids, 3);
        QCOMPARE(cut.size(), std::size_t{2});
        QCOMPARE(cut[1][0], 3);
        QCOMPARE(cut_windows(ids, 8).size(), std::size_t{0});
        QCOMPARE(cut_windows(ids, 7).size(), std::size_t{1});
    }
};

GRATICULE_TEST(IoCorpus);
#include "tst_io_corpus.moc"
