// A run as a page that needs nothing else, and as a model card.
#include <QtCore/QXmlStreamReader>
#include <QtTest/QTest>
#include <algorithm>
#include <limits>

#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "core/report/html_report.h"
#include "core/report/report_text.h"
#include "core/report/svg_charts.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestReportHtml : public QObject {
    Q_OBJECT

    ReportInput input_;

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-opt"), ctx);
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int4/asym/channel a=int8/sym/token");
        recipe.rules.push_back({"*.<fc1>&\"", false, parse_scheme_line("w=int8")}); // a name that markup must escape
        recipe.rules.push_back({"*.fc2", false, parse_scheme_line("w=dint4/asym/channel a=int8/sym/token")});
        recipe.calibration = testing::short_calibration();
        Recipe works = recipe;
        works.rules.erase(works.rules.begin());
        const auto stats = calibrate(*opened.model, *opened.tokenizer, recipe.calibration, ctx);
        const Resolution resolution = resolve(works, *opened.model);
        QVERIFY2(resolution.resolved, resolution.diagnostics.text().c_str());
        auto quantized = std::make_shared<QuantizedModel>(*quantize(opened.model, stats, *resolution.resolved, ctx));
        quantized->recipe = recipe;
        input_.quantized = quantized;
        const Corpus corpus = load_text({}, BuiltInText::evaluation);
        const EvaluationSpec spec{64, 3, {}};
        input_.baseline = evaluate(opened.model, nullptr, *opened.tokenizer, corpus, spec, ctx);
        input_.evaluation = evaluate(opened.model, quantized, *opened.tokenizer, corpus, spec, ctx);
        input_.comparison = compare(*input_.baseline, *input_.evaluation);
    }

    void the_page_stands_alone() {
        const std::string html = report_html(input_);
        // Well formed as XML but for the doctype and the void meta element, which are HTML's.
        QString xml = QString::fromStdString(html);
        xml.remove(QStringLiteral("<!doctype html>\n"));
        xml.replace(QStringLiteral("<meta charset=\"utf-8\">"), QStringLiteral("<meta charset=\"utf-8\"/>"));
        QXmlStreamReader reader(xml);
        int rows = 0, pictures = 0;
        while (!reader.atEnd()) {
            if (reader.readNext() != QXmlStreamReader::StartElement) continue;
            rows += reader.name() == u"tr";
            pictures += reader.name() == u"svg";
            for (const auto& attribute : reader.attributes())
                QVERIFY2(attribute.name() != u"src" && attribute.name() != u"href",
                         qPrintable(attribute.value().toString()));
        }
        QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
        QCOMPARE(pictures, 2); // perplexity, error by source
        QVERIFY(rows >= 48 + 4);
        QVERIFY(html.find("a line across is the total") != std::string::npos);
        QVERIFY(html.find("*.&lt;fc1&gt;&amp;&quot;") != std::string::npos);
        QVERIFY(html.find("http") == std::string::npos);
        QVERIFY(html.find(input_.evaluation->protocol.text()) != std::string::npos);
        QCOMPARE(report_html(input_), html);
    }

    void the_card_says_what_was_measured() {
        const std::string card = model_card(input_, "compressed-tensors");
        QVERIFY(card.starts_with("---\nbase_model: sample-opt\n"));
        QVERIFY(card.find("- compressed-tensors\n") != std::string::npos);
        QVERIFY(card.find(input_.evaluation->provenance.model_hash) != std::string::npos);
        QVERIFY(card.find("*.fc2 => w=dint4/asym/channel a=int8/sym/token") != std::string::npos);
    }

    /// As the command line says it.
    void a_perplexity_is_said_in_one_way() {
        Evaluation run;
        run.perplexity = 53.81;
        run.standard_error = 1.02;
        QCOMPARE(perplexity_text(run), std::string("53.8100 ± 1.0200"));
        run.standard_error = std::nullopt;
        QCOMPARE(perplexity_text(run), std::string("53.8100 (one window)"));
        run.meaningless = "its states are too large";
        run.perplexity = std::numeric_limits<double>::infinity();
        QCOMPARE(perplexity_text(run), std::string("not finite (one window) (means nothing)"));
    }

    /// A figure has one name, with its unit behind a comma, in every report.
    void headings_are_the_words_of_the_figures() {
        const std::string html = report_html(input_), markdown = report_markdown(input_);
        for (const std::string name :
             {"output SQNR, dB", "weight SQNR, dB", "weight underflow, %", "input underflow, %"}) {
            QVERIFY2(html.find("<th>" + name + "</th>") != std::string::npos, name.c_str());
            QVERIFY2(markdown.find("| " + name + " |") != std::string::npos, name.c_str());
        }
        QVERIFY(html.find("<th>weights: underflow, %</th>") != std::string::npos);
        // Each row has a cell for each heading.
        const auto cells = [&](std::size_t at) {
            const std::string line = markdown.substr(at, markdown.find('\n', at) - at);
            return std::count(line.begin(), line.end(), '|');
        };
        const std::size_t headings = markdown.find("| layer | scheme |");
        const std::size_t sides = markdown.find('\n', headings) + 1, row = markdown.find('\n', sides) + 1;
        QCOMPARE(cells(headings), 8);
        QCOMPARE(cells(sides), 8);
        QCOMPARE(cells(row), 8);
    }

    /// The order goes by outputs where they were measured, by weights where none was, and says which.
    void the_order_is_named() {
        QVERIFY(report_html(input_).find("<h2>Linears, worst output first</h2>") != std::string::npos);
        QVERIFY(report_markdown(input_).find("## Layers, worst output first\n") != std::string::npos);
        auto unseen = std::make_shared<QuantizedModel>(*input_.quantized);
        for (auto& linear : unseen->linears)
            if (linear) linear->report.output_mse = linear->report.output_sqnr_db = std::nullopt;
        ReportInput without = input_;
        without.quantized = unseen;
        for (const std::string& text : {report_html(without), report_markdown(without)}) {
            QVERIFY(text.find("worst output first") == std::string::npos);
            QVERIFY(text.find(", worst weight first; no output was measured") != std::string::npos);
        }
        QVERIFY(report_html(without).find("Measured by the run") == std::string::npos);
        // What was measured before of the same codes stands there, and is said to be that.
        auto kept = std::make_shared<std::vector<LayerReport>>();
        for (const LayerReport* report : layers_of(input_)) kept->push_back(*report);
        without.kept = kept;
        QCOMPARE(layers_csv(without), layers_csv(input_));
        QVERIFY(layers_csv(*unseen) != layers_csv(input_));
        QCOMPARE(report_json(without), report_json(input_));
        for (const std::string& text : {report_html(without), report_markdown(without)}) {
            QVERIFY(text.find("worst output first") != std::string::npos);
            QVERIFY(text.find("were measured earlier, of the same codes") != std::string::npos);
        }
    }

    void a_fit_to_few_tokens_is_doubted() {
        auto kept = std::make_shared<std::vector<LayerReport>>();
        for (const LayerReport* report : layers_of(input_)) kept->push_back(*report);
        for (const bool few : {false, true}) {
            for (LayerReport& report : *kept) report.too_few_rows = false;
            kept->back().too_few_rows = few;
            ReportInput input = input_;
            input.kept = kept;
            for (const std::string& text : {report_html(input), report_markdown(input)})
                QCOMPARE(text.find("not to be trusted: " + kept->back().name + ".") != std::string::npos, few);
        }
    }

    void a_share_above_the_whole_is_explained() {
        LayerReport report;
        report.output_error.emplace();
        report.output_error->weight.rounding = 0.5;
        report.output_error->total = 1;
        const LayerReport* const one[] = {&report};
        QCOMPARE(shares_note(one), std::string("they add up to 100 %"));
        report.output_error->weight.rounding = 3;
        report.output_error->cross = -2;
        QVERIFY(shares_note(one).find("above it cancels with others") != std::string::npos);
        QVERIFY(report_html(input_).find("mean squared error; they add up to 100 %") != std::string::npos);
    }

    /// Nothing that a text holds ends the markup or turns round what comes after it.
    void texts_stay_texts() {
        QCOMPARE(escaped("a<b & \"c\"\n\t"), std::string("a&lt;b &amp; &quot;c&quot;\n\t"));
        QCOMPARE(escaped("x\x07\xe2\x80\xae y\xe2\x81\xa6\xe2\x80\x9d"),
                 std::string("x\xe2\x90\x87&#xfffd; y&#xfffd;\xe2\x80\x9d"));
        QCOMPARE(escaped("\xe2\x80"), std::string("\xe2\x80")); // cut short
    }

    void charts_of_nothing_are_nothing() {
        QCOMPARE(line_chart({}, "x", "y"), std::string());
        QCOMPARE(bar_chart({}, {}, "y"), std::string());
        QVERIFY(line_chart({{"flat", {2, 2, 2}}}, "x", "y").find("nan") == std::string::npos);
    }

    /// Products of fewer tokens add up in another order.
    void a_run_that_memory_ran_out_in_says_so() {
        ReportInput input = input_;
        auto smaller = std::make_shared<Evaluation>(*input.evaluation);
        smaller->provenance.product_tokens = 512;
        for (const std::string& text : {report_html(input), report_markdown(input), report_json(input)})
            QVERIFY(text.find("memory ran out") == std::string::npos &&
                    text.find("product_tokens") == std::string::npos);
        input.evaluation = smaller;
        for (const std::string& text : {report_html(input), report_markdown(input)})
            QVERIFY(text.find("memory ran out: 512 tokens a product") != std::string::npos);
        QVERIFY(report_json(input).find("\"product_tokens\": 512") != std::string::npos);
    }
};

GRATICULE_TEST(TestReportHtml);
#include "tst_report_html.moc"
