// The same weights with one thread and with several: products and factors by themselves, calibration and every method.
#include "tests/solvers/golden_tensors.h"

#include <ATen/Parallel.h>

#include <atomic>

#include "core/base/cancel_point.h"
#include "core/engine/engine.h"
#include "core/method/solvers/fixed_sums.h"
#include "core/method/solvers/leading_singular.h"
#include "core/runtime/fixed_products.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

namespace {

class Threads {
public:
    explicit Threads(int count) { at::set_num_threads(count); }
    ~Threads() { at::set_num_threads(before_); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

private:
    int before_ = at::get_num_threads();
};

template <class Function>
auto with_threads(int count, const Function& function) {
    const Threads threads(count);
    return function();
}

/// Rows of very different size, so that another order of adding shows.
at::Tensor uneven(std::int64_t rows, std::int64_t columns) {
    return at::randn({rows, columns}) * at::rand({rows, 1}).mul(8).exp();
}

bool same(const HostTensor& a, const HostTensor& b) {
    return a.shape == b.shape && std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
}

} // namespace

class TestThreads : public QObject {
    Q_OBJECT

    std::map<QString, OpenedModel> models_;

    static std::shared_ptr<const ActivationStats> calibrated(const OpenedModel& opened) {
        CalibrationSpec spec;
        spec.samples = 5; // of more tokens than one batch of a method holds rows
        spec.length = 120;
        JobContext ctx;
        return calibrate(*opened.model, *opened.tokenizer, spec, ctx);
    }

private Q_SLOTS:
    void initTestCase() {
        for (const char* name : {"opt", "llama"}) {
            JobContext ctx;
            models_[name] = open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" /
                                           ("sample-" + std::string(name)),
                                       ctx);
        }
    }

    /// A product of many tiles asks each time, also on the threads that LibTorch starts for it.
    void a_product_stops_between_tiles() {
        const Threads threads(3);
        JobContext job;
        const CancelScope scope(job);
        std::atomic<int> begun{0};
        constexpr std::int64_t all = 10'000;
        QVERIFY_EXCEPTION_THROWN(each_alone(all,
                                            [&](std::int64_t) {
                                                if (++begun >= 20) job.cancel.request();
                                            }),
                                 Cancelled);
        QVERIFY2(begun < 40, std::to_string(begun).c_str()); // those that were under way, and no more
    }

    void sums_data() {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("columns");
        for (const auto& [rows, columns] : {std::pair(1, 1), {3, 700}, {2048, 192}, {1000, 257}, {4096, 600}})
            QTest::addRow("%d x %d", rows, columns) << rows << columns;
    }
    void sums() {
        QFETCH(int, rows);
        QFETCH(int, columns);
        at::manual_seed(3);
        const at::Tensor x = uneven(rows, columns), weight = uneven(70, columns);
        const auto all = [&] {
            at::Tensor gram = at::zeros({columns, columns});
            for (const at::Tensor& part : x.split(900)) add_gram(gram, part);
            at::Tensor difference = at::ones({rows, 70});
            subtract_product(difference, x, weight.t());
            const at::Tensor damped = gram + at::eye(columns) * gram.diagonal().mean() * 0.01;
            const Singular singular = leading_singular(weight, 70);
            return std::vector<at::Tensor>{gram,
                                           mean_gram(x),
                                           product(x, weight.t()),
                                           products(x.view({1, rows, columns}), weight.t().unsqueeze(0)),
                                           products(weight.view({7, 10, columns}), x.t().expand({7, columns, rows})),
                                           difference,
                                           inverse_factor(damped),
                                           sum_of(x.square()),
                                           singular.u,
                                           singular.s,
                                           singular.vh};
        };
        const std::vector<at::Tensor> one = with_threads(1, all);
        for (const int count : {2, 3}) {
            const std::vector<at::Tensor> several = with_threads(count, all);
            for (std::size_t i = 0; i < one.size(); ++i)
                QVERIFY2(at::equal(one[i], several[i]), qPrintable(QString("%1 with %2 threads").arg(i).arg(count)));
        }
        // And they are what they are called.
        const at::Tensor exact = x.to(at::kDouble), exact_weight = weight.to(at::kDouble);
        const auto near = [](const at::Tensor& found, const at::Tensor& expected) {
            return (found.to(at::kDouble) - expected).norm().item<double>() <= 1e-5 * expected.norm().item<double>();
        };
        QVERIFY(near(one[0], at::mm(exact.t(), exact)));
        QVERIFY(near(one[1], at::mm(exact.t(), exact) / rows));
        QVERIFY(near(one[2], at::mm(exact, exact_weight.t())));
        QVERIFY(near(one[3][0], at::mm(exact, exact_weight.t())));
        QVERIFY(near(one[4].reshape({70, rows}), at::mm(exact_weight, exact.t())));
        QVERIFY(near(one[5], 1 - at::mm(exact, exact_weight.t())));
        COMPARE_CLOSE(one[7].item<double>(), exact.square().sum().item<double>(), 1e-6);
        const at::Tensor gram = one[0].to(at::kDouble);
        const at::Tensor upper = one[6].to(at::kDouble);
        const at::Tensor damped = gram + at::eye(columns, gram.options()) * gram.diagonal().mean() * 0.01;
        QVERIFY(at::equal(upper, upper.triu()));
        const at::Tensor unit = at::mm(at::mm(upper.t(), upper), damped);
        QVERIFY((unit - at::eye(columns, gram.options())).abs().max().item<double>() < 2e-2); // condition up to 1e5
        QVERIFY(near(at::mm(one[8] * one[9], one[10]), exact_weight));
    }
    void what_is_not_positive_definite_has_no_factor() {
        for (const std::int64_t size : {40, 700}) {
            at::Tensor matrix = at::eye(size);
            matrix[size - 3][size - 3] = -1.0;
            QVERIFY(!inverse_factor(matrix).defined());
        }
    }

    void calibration_data() {
        QTest::addColumn<QString>("model");
        for (const auto& [name, model] : models_) QTest::newRow(qPrintable(name)) << name;
    }
    void calibration() {
        QFETCH(QString, model);
        const auto one = with_threads(1, [&] { return calibrated(models_.at(model)); });
        const auto two = with_threads(2, [&] { return calibrated(models_.at(model)); });
        for (std::size_t i = 0; i < one->sites.size(); ++i) {
            const ChannelStats &a = one->sites[i].all().channels, &b = two->sites[i].all().channels;
            QVERIFY(a.minimum == b.minimum && a.maximum == b.maximum && a.mean == b.mean && a.m2 == b.m2);
            QVERIFY(a.m3 == b.m3 && a.m4 == b.m4);
            QVERIFY(same(one->sites[i].kept_rows, two->sites[i].kept_rows));
        }
    }

    void methods_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("line");
        for (const auto& [name, model] : models_)
            for (const char* line :
                 {"w=int3/asym/g64 gptq",
                  "w=int4/asym/channel gptq:act_order=true,quantized_inputs=true a=int8/sym/token",
                  "w=int4/asym/g64 awq:grid=4", "w=int4/asym/channel a=int8/asym/token aqas:grid=4",
                  "w=int4/asym/dual128 a=int8/sym/token percentile:mode=paper dgq",
                  "w=int4/asym/g64 dgq:mode=reference_f32", "w=int4/asym/g64 a=int8/sym/token clip:grid=6",
                  "w=dint4/asym/g64 mse:grid=10", "w=int3/asym/channel smoothquant lorc:rank=4",
                  "w=int4/asym/channel keep:percent=2"})
                QTest::addRow("%s %s", qPrintable(name), line) << name << line;
    }
    void methods() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        const OpenedModel& opened = models_.at(model);
        Recipe recipe;
        recipe.defaults = parse_scheme_line("none");
        for (const char* pattern : {"layers.0.*", "layers.1.*"})
            recipe.rules.push_back({pattern, false, parse_scheme_line(line.toStdString())});
        const Resolution resolution = resolve(recipe, *opened.model);
        QVERIFY2(resolution.resolved.has_value(), resolution.diagnostics.text().c_str());
        const auto stats = calibrated(opened);
        const auto run = [&] {
            JobContext ctx;
            return quantize(opened.model, stats, *resolution.resolved, ctx);
        };
        const auto one = with_threads(1, run), two = with_threads(2, run);
        QCOMPARE(one->replaced.size(), two->replaced.size());
        for (const auto& [name, tensor] : one->replaced) QVERIFY2(same(tensor, two->replaced.at(name)), name.c_str());
        int count = 0;
        for (const Linear& linear : opened.model->linears()) {
            const auto &a = one->linears[index_of(linear.id)], &b = two->linears[index_of(linear.id)];
            if (!a) continue;
            ++count;
            const char* name = linear.short_name.c_str();
            QVERIFY2(a->codes == b->codes && a->params == b->params, name);
            QVERIFY2(a->input_map == b->input_map && a->kept_channels == b->kept_channels, name);
            QVERIFY2(effective_weight(*one, linear.id) == effective_weight(*two, linear.id), name);
            QCOMPARE(a->report.output_mse, b->report.output_mse);
            QCOMPARE(a->report.search_loss, b->report.search_loss);
            QCOMPARE(a->report.method_note, b->report.method_note);
        }
        QVERIFY(count >= 12);
    }
};

GRATICULE_TEST(TestThreads);
#include "tst_threads.moc"
