// The item models under Qt's own tester, the filter language, and tables as text.
#include <QtTest/QAbstractItemModelTester>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QListView>
#include <set>

#include "tests/support/test_main.h"
#include "widgets/models/compare_table_model.h"
#include "widgets/models/job_list_model.h"
#include "widgets/models/layer_filter.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/number_text.h"
#include "widgets/models/run_table_model.h"
#include "widgets/models/shorter_names.h"
#include "widgets/models/table_delegates.h"
#include "widgets/models/table_text.h"

using namespace graticule;

namespace {
LayerRow row(int id, int block, const QString& leaf, std::optional<double> sqnr, std::optional<double> outlier = {}) {
    LayerRow made;
    made.id = LayerId{id};
    made.block = block;
    made.leaf = leaf;
    made.kind = leaf == u"fc2" ? QStringLiteral("down") : leaf.left(1);
    made.name = QStringLiteral("layers.%1.%2").arg(block).arg(leaf);
    made.rows = 4;
    made.columns = 8;
    made.sqnr_db = sqnr;
    made.outlier_ratio = outlier;
    made.schemes = {QStringLiteral("INT4 / A8")};
    return made;
}

std::vector<LayerRow> rows() {
    return {row(0, 0, "q_proj", 20.5, 2), row(1, 0, "fc2", 9.5, 14), row(2, 1, "q_proj", std::nullopt),
            row(3, 10, "fc2", 31, 6)};
}
} // namespace

class ModelsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void the_filter_marks_what_it_asked_for_data() {
        QTest::addColumn<QString>("filter");
        QTest::addColumn<int>("column");
        QTest::addColumn<QString>("marked"); // of layers.3.self_attn.q_proj, with | between parts
        const int name = LayerTableModel::Name, block = LayerTableModel::Block;
        QTest::newRow("text") << "PROJ" << name << "proj";
        QTest::newRow("text over the dot") << "attn.q_" << name << "q_";
        QTest::newRow("text elsewhere") << "self_attn" << name << "";
        QTest::newRow("block") << "layers.3." << block << "3";
        QTest::newRow("not this block") << "proj" << block << "";
        QTest::newRow("pattern") << "*.{q,k}_pr*j" << name << "_pr|j";
        QTest::newRow("pattern of a block") << "layers.3.*" << block << "3";
        QTest::newRow("regular expression") << "/[qk]_/" << name << "q_";
        QTest::newRow("two terms") << "q_ proj" << name << "q_|proj";
        QTest::newRow("turned round") << "!v_proj" << name << "";
        QTest::newRow("number") << "sqnr<30" << int(LayerTableModel::Sqnr) << "12.3";
        QTest::newRow("another number") << "sqnr<30" << int(LayerTableModel::AbsMax) << "";
        QTest::newRow("half a term") << "sqnr< proj" << name << "";
    }
    void the_filter_marks_what_it_asked_for() {
        QFETCH(QString, filter);
        QFETCH(int, column);
        LayerRow row;
        row.block = 3;
        row.name = "layers.3.self_attn.q_proj";
        row.leaf = "q_proj";
        row.sqnr_db = 12.3;
        row.absmax = 2;
        LayerTableModel layers;
        layers.setRows({row});
        const QString shown = layers.index(0, column).data().toString();
        QStringList marked;
        for (const QPoint& part : LayerFilter::parse(filter).matches(row, column, shown))
            marked << shown.mid(part.x(), part.y());
        QTEST(marked.join(u'|'), "marked");
        LayerFilterProxy proxy;
        proxy.setSourceModel(&layers);
        proxy.setFilterLine(filter);
        if (proxy.rowCount() == 1)
            QCOMPARE(proxy.index(0, column).data(LayerTableModel::MatchRole).isValid(), !marked.isEmpty());
    }

    void models_keep_the_rules_of_item_models() {
        LayerTableModel layers;
        LayerFilterProxy proxy;
        RunTableModel runs;
        JobListModel jobs;
        CompareTableModel compared;
        proxy.setSourceModel(&layers);
        const auto mode = QAbstractItemModelTester::FailureReportingMode::QtTest;
        const QAbstractItemModelTester a(&layers, mode), b(&proxy, mode), c(&runs, mode), d(&jobs, mode),
            e(&compared, mode);
        layers.setRows(rows());
        proxy.setFilterLine("fc2");
        layers.setRows(rows()); // same layers: updated in place
        layers.setRows({rows()[0]});
        RunRow run;
        run.id = 1;
        run.perplexity = 50;
        runs.setRows({run});
        run.difference = 2;
        runs.setRows({run, {}});
        JobRow job;
        job.id = 1;
        jobs.setRows({job});
        jobs.setRows({});
        LayerReport report;
        report.layer = LayerId{3};
        compared.setReports({report}, {});
        compared.setReports({}, {});
    }

    void a_running_job_says_where_it_is_and_what_it_takes() {
        JobListModel jobs;
        JobRow job;
        job.id = 1;
        job.state = JobState::running;
        job.stage = "Evaluating";
        job.done = 412;
        job.total = 4096;
        job.seconds_left = 75;
        job.tokens_per_second = 3100;
        job.memory = 533'000'000;
        job.memory_peak = 1'250'000'000;
        jobs.setRows({job});
        // One of several stages says which its counts and its time are of.
        QCOMPARE(jobs.index(0).data(JobListModel::DetailRole).toString(),
                 QString("evaluating 412 of 4,096 · 3,100 tok/s · 533 MB · 1 min 15 s left of this stage"));
        // One that knows how much there will be says it of the whole.
        job.share = 0.429;
        jobs.setRows({job});
        QCOMPARE(jobs.index(0).data(JobListModel::DetailRole).toString(),
                 QString("42 % · evaluating 412 of 4,096 · 3,100 tok/s · 533 MB · 1 min 15 s left"));
        QCOMPARE(jobs.index(0).data(JobListModel::ShareRole).toDouble(), 0.429);
        job.share.reset();
        job.title = "Evaluate w=int4/asym/channel";
        jobs.setRows({job});
        QCOMPARE(jobs.index(0).data(JobListModel::DetailRole).toString(),
                 QString("412 of 4,096 · 3,100 tok/s · 533 MB · 1 min 15 s left"));
        QVERIFY(jobs.index(0).data(Qt::ToolTipRole).toString().contains("1.2 GB at most"));
        job.state = JobState::done; // by other means than its title says: at no rate
        job.seconds = 0.09;
        job.note = "read from the cache";
        jobs.setRows({job});
        QCOMPARE(jobs.index(0).data(JobListModel::DetailRole).toString(), QString("read from the cache, 90 ms"));
    }

    void new_numbers_of_the_same_layers_do_not_reset_the_table() {
        LayerTableModel layers;
        layers.setRows(rows());
        QSignalSpy reset(&layers, &QAbstractItemModel::modelReset), changed(&layers, &QAbstractItemModel::dataChanged);
        auto next = rows();
        next[0].sqnr_db = 1;
        layers.setRows(next);
        QCOMPARE(reset.size(), 0);
        QCOMPARE(changed.size(), 1);
    }

    void heat_is_the_share_of_the_columns_range() {
        LayerTableModel layers;
        layers.setRows(rows());
        const auto heat = [&](int line) {
            return layers.index(line, LayerTableModel::Sqnr).data(LayerTableModel::HeatRole);
        };
        QCOMPARE(heat(1).toDouble(), 1.0); // the worst SQNR is the hottest
        QCOMPARE(heat(3).toDouble(), 0.0);
        QVERIFY(heat(0).toDouble() > 0.4 && heat(0).toDouble() < 0.6);
        QVERIFY(!heat(2).isValid());
        QVERIFY(!layers.index(1, LayerTableModel::Name).data(LayerTableModel::HeatRole).isValid());
    }

    void unknown_numbers_sort_last_both_ways() {
        LayerTableModel layers;
        LayerFilterProxy proxy;
        proxy.setSourceModel(&layers);
        layers.setRows(rows());
        for (const Qt::SortOrder order : {Qt::AscendingOrder, Qt::DescendingOrder}) {
            proxy.sort(LayerTableModel::Sqnr, order);
            QCOMPARE(proxy.index(3, 0).data(LayerTableModel::LayerRole).toInt(), 2);
        }
        proxy.sort(LayerTableModel::Block, Qt::AscendingOrder); // as numbers: 10 after 1
        QCOMPARE(proxy.index(3, 0).data(LayerTableModel::LayerRole).toInt(), 3);
    }

    /// The rest of a job's changes leave the table's layout alone.
    void new_values_move_rows_only_where_their_order_changes() {
        LayerTableModel layers;
        LayerFilterProxy proxy;
        proxy.setSourceModel(&layers);
        std::vector<LayerRow> changed = rows();
        layers.setRows(changed);
        proxy.sort(LayerTableModel::Sqnr, Qt::AscendingOrder);
        const auto order = [&] {
            std::vector<int> ids;
            for (int line = 0; line < proxy.rowCount(); ++line)
                ids.push_back(proxy.index(line, 0).data(LayerTableModel::LayerRole).toInt());
            return ids;
        };
        QCOMPARE(order(), (std::vector<int>{1, 0, 3, 2}));
        const QSignalSpy moved(&proxy, &QAbstractItemModel::layoutChanged),
            told(&proxy, &QAbstractItemModel::dataChanged);
        changed[0].sqnr_db = 21;
        layers.setRows(changed);
        QCOMPARE(moved.size(), 0);
        QCOMPARE(told.size(), 1);
        changed[0].sqnr_db = 5;
        layers.setRows(changed);
        QCOMPARE(moved.size(), 1);
        QCOMPARE(order(), (std::vector<int>{0, 1, 3, 2}));
        proxy.setFilterLine("sqnr<10");
        QCOMPARE(order(), (std::vector<int>{0, 1}));
        changed[3].sqnr_db = 7; // comes in, in its place
        changed[1].sqnr_db = 12;
        layers.setRows(changed);
        QCOMPARE(order(), (std::vector<int>{0, 3}));
    }

    /// Nothing is painted again that looks the same.
    void only_columns_that_changed_are_told() {
        LayerTableModel layers;
        std::vector<LayerRow> changed = rows();
        layers.setRows(changed);
        QList<QRect> told; // columns across, rows down
        connect(&layers, &QAbstractItemModel::dataChanged, this,
                [&](const QModelIndex& first, const QModelIndex& last) {
                    told << QRect(QPoint(first.column(), first.row()), QPoint(last.column(), last.row()));
                });
        const auto tell = [&] {
            told.clear();
            layers.setRows(changed);
            return std::exchange(told, {});
        };
        const auto cells = [](int column, int row, int columns, int rows) { return QRect(column, row, columns, rows); };
        changed[2].schemes = {"dINT4 / A8"};
        QCOMPARE(tell(), QList<QRect>{cells(LayerTableModel::Scheme, 2, 1, 1)});
        changed[0].sqnr_db = 21; // within the range: nobody else's colour changes
        changed[2].basis = "measured";
        QCOMPARE(tell(), (QList<QRect>{cells(LayerTableModel::Sqnr, 0, 1, 1), cells(LayerTableModel::Basis, 2, 1, 1)}));
        changed[3].sqnr_db = 40; // every cell's share of the column is another
        const QList<QRect> all = tell();
        QVERIFY(all.front().contains(cells(LayerTableModel::Sqnr, 0, 1, 4)));
        QVERIFY(tell().isEmpty());

        RunTableModel runs;
        RunRow run;
        run.id = 1;
        runs.setRows({run, run});
        QSignalSpy spy(&runs, &QAbstractItemModel::dataChanged);
        run.perplexity = 5;
        runs.setRows({run, run});
        QCOMPARE(spy.size(), 1);
        QCOMPARE(spy[0][0].toModelIndex().column(), int(RunTableModel::Perplexity));
        QCOMPARE(spy[0][1].toModelIndex(), runs.index(1, RunTableModel::Perplexity));
    }

    void a_run_that_means_nothing_says_so() {
        RunTableModel runs;
        RunRow run;
        run.state = JobState::done;
        run.perplexity = 320;
        runs.setRows({run});
        const auto cell = [&](int column, int role) { return runs.index(0, column).data(role); };
        QCOMPARE(cell(RunTableModel::StateColumn, Qt::DisplayRole).toString(), QStringLiteral("done"));
        run.meaningless = QStringLiteral("the states are too large");
        runs.setRows({run});
        QCOMPARE(cell(RunTableModel::StateColumn, Qt::DisplayRole).toString(), QStringLiteral("means nothing"));
        QCOMPARE(cell(RunTableModel::StateColumn, RunTableModel::ToneRole).toInt(), int(RunTableModel::Worse));
        QCOMPARE(cell(RunTableModel::Perplexity, RunTableModel::ToneRole).toInt(), int(RunTableModel::Faint));
        QCOMPARE(cell(RunTableModel::Perplexity, Qt::ToolTipRole).toString(), run.meaningless);
    }

    void filters_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QList<int>>("layers");
        QTest::newRow("nothing") << "" << QList<int>{0, 1, 2, 3};
        QTest::newRow("text") << "Q_PROJ" << QList<int>{0, 2};
        QTest::newRow("pattern") << "layers.0.*" << QList<int>{0, 1};
        QTest::newRow("suffix pattern") << "*.fc2" << QList<int>{1, 3};
        QTest::newRow("kind by glob") << "kind=down*" << QList<int>{1, 3};
        QTest::newRow("number") << "sqnr<30" << QList<int>{0, 1};
        QTest::newRow("number, inclusive") << "sqnr>=20.5" << QList<int>{0, 3};
        QTest::newRow("two terms") << "fc2 outlier>6" << QList<int>{1};
        QTest::newRow("not") << "!fc2 block=0" << QList<int>{0};
        QTest::newRow("not equal") << "kind!=down" << QList<int>{0, 2};
        QTest::newRow("regex") << "/\\.(fc2|k_proj)$/" << QList<int>{1, 3};
        QTest::newRow("unknown column matches nothing") << "colour=red" << QList<int>{};
        QTest::newRow("not a number matches nothing") << "sqnr<cold" << QList<int>{};
        for (const char* half : {"*.{", "[]*", "[b-a]*", "name={", "!*.{a,b", "fc2 [z-a]"})
            QTest::addRow("half a pattern matches nothing: %s", half) << half << QList<int>{};
    }
    void filters() {
        QFETCH(QString, line);
        QFETCH(QList<int>, layers);
        const LayerFilter filter = LayerFilter::parse(line);
        QList<int> accepted;
        for (const LayerRow& candidate : rows())
            if (filter.accepts(candidate)) accepted << static_cast<int>(candidate.id);
        QCOMPARE(accepted, layers);
        const bool wrong = QByteArray(QTest::currentDataTag()).contains("matches nothing");
        QCOMPARE(filter.problem().isEmpty(), !wrong);
    }

    void filter_that_is_a_pattern_becomes_a_rule() {
        QCOMPARE(LayerFilter::parse("layers.3.*").as_pattern().value_or(""), QString("layers.3.*"));
        QCOMPARE(LayerFilter::parse("v_proj").as_pattern().value_or(""), QString("*v_proj*"));
        QVERIFY(!LayerFilter::parse("sqnr<30").as_pattern());
        QVERIFY(!LayerFilter::parse("fc2 block=1").as_pattern());
        QVERIFY(!LayerFilter::parse("{").as_pattern()); // text that no pattern can say
        QVERIFY(!LayerFilter::parse("layers.3.* *.{").as_pattern());
    }

    void csv_has_exact_values_and_quotes() {
        LayerTableModel layers;
        auto made = rows();
        made[0].sqnr_db = 20.123456789;
        made[0].scheme_line = "w=int4, a=int8";
        layers.setRows(made);
        const QStringList lines = csv_of(layers).split('\n');
        QCOMPARE(lines.size(), 6);
        QVERIFY(lines[1].contains("20.123456789"));
        QVERIFY(lines[1].contains("\"w=int4, a=int8\""));
        QVERIFY(lines[1].contains("layers.0.q_proj"));
        // A file has room for whole headings; on the screen the short forms are those of the command line.
        for (const char* whole : {"outlier ratio", "\"weight underflow, %\"", "\"output SQNR, dB\""})
            QVERIFY2(lines[0].contains(whole), qPrintable(lines[0]));
        QCOMPARE(layers.headerData(LayerTableModel::Underflow, Qt::Horizontal).toString(), "w underfl., %");
        QCOMPARE(layers.headerData(LayerTableModel::Sqnr, Qt::Horizontal).toString(), "SQNR, dB");
    }

    void numbers_read_as_on_screen_data() {
        QTest::addColumn<QString>("made");
        QTest::addColumn<QString>("expected");
        QTest::newRow("minus") << signed_text(-7.31, 1) << QString::fromUtf8("−7.3");
        QTest::newRow("plus") << signed_text(3.04, 2) << "+3.04";
        QTest::newRow("zero after rounding") << signed_text(-0.004, 2) << "0";
        QTest::newRow("bytes") << bytes_text(3'912'345) << "3.9 MB";
        QTest::newRow("small bytes") << bytes_text(512) << "512 B";
        QTest::newRow("thousands") << count_text(41'300) << "41,300";
        QTest::newRow("millions") << count_text(8.21e6) << "8.2 M";
        QTest::newRow("seconds") << duration_text(2.13) << "2.1 s";
        QTest::newRow("minutes") << duration_text(185) << "3 min 5 s";
        QTest::newRow("bits") << bits_text(4.25, 8) << "4.25 / 8";
        QTest::newRow("whole bits") << bits_text(16, 16) << "16";
    }
    void numbers_read_as_on_screen() {
        QFETCH(QString, made);
        QFETCH(QString, expected);
        QCOMPARE(made, expected);
    }

    void names_without_room_keep_what_tells_them_apart() {
        const std::vector<QString> names{"full precision", "w=dint4/asym/channel a=int8/sym/token",
                                         "w=int4/asym/g128 a=int8/sym/token",
                                         "w=int4/asym/channel a=int8/sym/token smoothquant:alpha=0.5 · again 1"};
        const std::vector<QStringList> shorter = shorter_names(names);
        QCOMPARE(shorter[0], QStringList{"full precision"});
        const auto widest = [&](std::size_t name, double letters) {
            return first_that_fits(shorter[name], letters, [](const QString& text) { return double(text.size()); });
        };
        QCOMPARE(widest(1, 100), names[1]); // whole where there is room
        QCOMPARE(widest(1, 34), QString("w=dint4/asym/channel a=int8/sym/…"));
        QCOMPARE(widest(1, 24), QString("w=dint4/asym/channel …"));
        QCOMPARE(widest(1, 20), QString("w=dint4/…/channel …"));
        QCOMPARE(widest(1, 10), QString("w=dint4/…")); // no shorter: what tells it from each of the others stays
        QCOMPARE(widest(2, 10), QString("w=int4/…/g128 …"));
        QCOMPARE(widest(3, 10), QString("w=int4/… smoothquant:alpha=0.5 · …"));
        QCOMPARE(telling_names(names)[1], QString("w=dint4/…/channel …"));
        QCOMPARE(telling_names(names)[3], QString("w=int4/…/channel … smoothquant:alpha=0.5 · again 1"));
        QCOMPARE(shorter_names({"full precision · built-in text, 8 × 512", "full precision · built-in text, all × 512",
                                names[1]})[1]
                     .back(),
                 QString("full precision · …, all × 512"));
        // Alone among recipes its format is what it is known by.
        QCOMPARE(shorter_names({names[1], names[0]})[0].back(), QString("w=dint4/…"));
        // Where one only lacks what the other has, both say it.
        const std::vector<QStringList> inputs = shorter_names(
            {"full precision", "w=int4/asym/channel a=int8/sym/token", "w=int4/asym/channel", "w=int2/asym/channel"});
        QCOMPARE(inputs[1].back(), QString("w=int4/… a=int8/…"));
        QCOMPARE(inputs[2].back(), QString("w=int4/… a=none"));
        QCOMPARE(inputs[3].back(), QString("w=int2/… a=none"));
        QCOMPARE(inputs[2].front(), QString("w=int4/asym/channel"));
        // Words of the inputs do not stand as if they were of the weights.
        const std::vector<QStringList> grains =
            shorter_names({"w=int4/asym/channel a=int8/sym/token", "w=int4/asym/channel a=int8/sym/tensor"});
        QCOMPARE(grains[1].back(), QString("w=int4/… a=int8/…/tensor"));
        // Of a rule what it is for stays with what it says.
        const std::vector<QStringList> rules =
            shorter_names({"w=int4/asym/channel a=int8/sym/token",
                           "w=int4/asym/channel a=int8/sym/token + layers.3.v_proj => a=int4/sym/token",
                           "w=int4/asym/channel a=int8/sym/token + layers.3.v_proj => a=int6/sym/token"});
        QCOMPARE(rules[1].back(), QString("w=int4/… => a=int4/…"));
        QCOMPARE(rules[2].back(), QString("w=int4/… => a=int6/…"));
        // No name is without its recipe, whatever else tells it.
        const std::vector<QStringList> protocols = shorter_names(
            {"w=int4/asym/channel · built-in text, 8 × 512", "w=int4/asym/channel · built-in text, all × 512"});
        QCOMPARE(protocols[1].back(), QString("w=int4/… · …, all × 512"));
        // Nor is a recipe told from another by its protocol alone.
        const std::vector<QStringList> both =
            shorter_names({"w=int4/asym/channel a=int8/sym/token · built-in text, 8 × 512",
                           "w=int4/asym/channel a=int8/sym/token · built-in text, all × 512", "w=int4/asym/channel"});
        QCOMPARE(both[0].back(), QString("w=int4/… a=int8/… · …, 8 × 512"));
        QCOMPARE(both[2].back(), QString("w=int4/… a=none"));
        QCOMPARE(shorter_lists({"built-in text, 8 × 512", "built-in text, all × 512", "built-in text, 8 × 512"})[1],
                 (QStringList{"built-in text, all × 512", "…, all × 512"}));
        QCOMPARE(shorter_lists({"wiki.txt, 8 × 512", "built-in text, 8 × 512"})[0], QStringList{"wiki.txt, 8 × 512"});
    }

    /// What core says in a sentence has the signs of all other figures; names keep their hyphens.
    void hyphens_of_numbers_become_minus_signs() {
        QCOMPARE(with_minus_signs("sample-1.2 by -0.02750 nats (-0.03009 to -0.02491), 4-bit, x-1"),
                 QString("sample-1.2 by −0.02750 nats (−0.03009 to −0.02491), 4-bit, x-1"));
    }

    void a_job_without_room_for_both_says_what_it_is_above_what_became_of_it() {
        JobRow failed;
        failed.id = 1;
        failed.title = QStringLiteral("Quantize w=int3/asym/channel a=int8/sym/token");
        failed.state = JobState::failed;
        failed.error = QStringLiteral("/data/model.safetensors was cut short while it was in use; restore the file");
        JobListModel model;
        model.setRows({failed});
        QListView list;
        list.setModel(&model);
        JobDelegate delegate;
        QStyleOptionViewItem option;
        option.widget = &list;
        option.font = list.font();
        list.setFixedWidth(320);
        list.show();
        const int narrow = delegate.sizeHint(option, model.index(0)).height();
        list.setFixedWidth(1400);
        QCoreApplication::processEvents();
        QVERIFY(narrow > delegate.sizeHint(option, model.index(0)).height());
        // Progress changes all the time: the line of a running job does not jump.
        failed.state = JobState::running;
        failed.error.clear();
        list.setFixedWidth(420);
        QCoreApplication::processEvents();
        std::set<int> heights;
        for (const std::int64_t done : {1, 13, 4000}) {
            failed.done = done;
            failed.total = 5000;
            failed.memory = done > 10 ? 344'000'000 : 0;
            model.setRows({failed});
            heights.insert(delegate.sizeHint(option, model.index(0)).height());
        }
        QCOMPARE(heights.size(), std::size_t(1));
    }

    void run_differences_are_toned_only_when_significant() {
        RunTableModel runs;
        RunRow worse;
        worse.id = 1;
        worse.perplexity = 60;
        worse.difference = 6;
        worse.significant = true;
        RunRow same = worse;
        same.id = 2;
        same.significant = false;
        RunRow refused = worse;
        refused.id = 3;
        refused.difference.reset();
        refused.not_comparable = "windows of 64 against 128";
        runs.setRows({worse, same, refused});
        const auto tone = [&](int line) {
            return runs.index(line, RunTableModel::Difference).data(RunTableModel::ToneRole).toInt();
        };
        QCOMPARE(tone(0), int(RunTableModel::Worse));
        QCOMPARE(tone(1), int(RunTableModel::Faint));
        QCOMPARE(runs.index(2, RunTableModel::Difference).data().toString(), QString("not comparable"));
        QVERIFY(runs.index(2, RunTableModel::Difference).data(Qt::ToolTipRole).toString().contains("64 against 128"));
    }
};

GRATICULE_TEST(ModelsTest);
#include "tst_models.moc"
