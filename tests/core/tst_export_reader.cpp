// An exported folder opened again: nothing is decoded before it is looked at, and any rows of a weight are those of the
// whole.
#include <QTest>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/engine/resources.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestExportReader : public QObject {
    Q_OBJECT

    OpenedModel opened_;
    testing::TemporaryFolder folder_;

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        opened_ = open_model(resolve_model_path("sample-llama"), ctx);
    }

    void rows_are_those_of_the_whole_data() {
        QTest::addColumn<QString>("line");
        for (const char* line : {"w=int4/asym/g64", "w=int3/asym/g64", "w=int4/sym/channel", "w=int8/asym/channel",
                                 "w=int8/asym/channel a=int8/sym/token", "w=int8/sym/channel a=int8/sym/token"})
            QTest::newRow(line) << line;
    }
    void rows_are_those_of_the_whole() {
        QFETCH(QString, line);
        JobContext ctx;
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line.toStdString());
        const Resolution found = resolve(recipe, *opened_.model);
        QVERIFY2(found.resolved, found.diagnostics.text().c_str());
        const auto quantized = quantize(opened_.model, nullptr, *found.resolved, ctx);
        const std::filesystem::path target = folder_.path() / QString(line).replace('/', '-').toStdString();
        (void)export_model(*quantized, exporter_named("compressed-tensors"), {target}, {}, ctx);

        const OpenedModel again = open_model(target, ctx);
        QCOMPARE(again.model->linears().size(), opened_.model->linears().size());
        for (const Linear& linear : again.model->linears()) {
            const HostTensor& weight = linear.weight;
            QVERIFY2(weight.dtype == DType::encoded && weight.encoded, linear.name.c_str());
            QVERIFY(weight.bytes.size() <= std::size_t(linear.stored_bytes)); // what is there are the codes of the file
            const std::vector<float> whole = to_floats(weight);
            QCOMPARE(whole, effective_weight(*quantized, linear.id));
            const std::int64_t columns = weight.columns(), last = weight.rows() - 1;
            for (const auto& [first, count] :
                 {std::pair<std::int64_t, std::int64_t>{0, 1}, {5, 3}, {31, 2}, {last, 1}}) {
                const std::vector<float> part = to_floats(weight, first, count);
                QVERIFY(std::equal(part.begin(), part.end(), whole.begin() + first * columns));
                QCOMPARE(std::ssize(part), count * columns);
            }
        }
    }
};

GRATICULE_TEST(TestExportReader);
#include "tst_export_reader.moc"
