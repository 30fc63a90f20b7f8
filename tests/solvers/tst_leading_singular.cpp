// The largest singular values against LAPACK's decomposition as a whole (at::linalg_svd in float64), for any number of
// threads the same, and stopped within a second whatever the width.
#include "tests/solvers/golden_tensors.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "core/base/cancel_point.h"
#include "core/base/job_context.h"
#include "core/method/solvers/leading_singular.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

namespace {

/// What rounding leaves: noise, in rows of different size.
at::Tensor noise(std::int64_t rows, std::int64_t columns) {
    return (at::rand({rows, columns}) - 0.5) * at::rand({rows, 1}).mul(2).exp();
}

at::Tensor of_rank(std::int64_t rows, std::int64_t columns, std::int64_t rank) {
    return at::mm(at::randn({rows, rank}), at::randn({rank, columns}));
}

struct Case {
    const char* name;
    std::function<at::Tensor()> matrix;
    std::int64_t rank;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"square noise", [] { return noise(900, 900); }, 8},
        {"tall", [] { return noise(1500, 600); }, 8},
        {"wide", [] { return noise(600, 1500); }, 40},
        {"one direction", [] { return noise(900, 700); }, 1},
        {"small", [] { return noise(70, 300); }, 70},
        {"more than there are", [] { return noise(40, 24); }, 100},
        {"several searches", [] { return noise(1000, 900); }, 300},
        {"all of it", [] { return noise(850, 830); }, 830},
        {"a hundred times as large", [] { return noise(800, 800) + 100 * of_rank(800, 800, 1); }, 8},
        {"a thousandth of it is noise", [] { return 1e-3 * noise(900, 700) + of_rank(900, 700, 5); }, 8},
        {"fewer directions than wanted", [] { return of_rank(900, 700, 5); }, 20},
        {"equal values", [] { return at::eye(700); }, 8},
        {"nothing",
         [] {
             return at::zeros({700, 600});
         },
         8},
        {"tiny", [] { return noise(700, 600) * 1e-12; }, 8},
    };
    return all;
}

} // namespace

class TestLeadingSingular : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void is_what_lapack_finds_data() {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < cases().size(); ++i) QTest::newRow(cases()[i].name) << static_cast<int>(i);
    }
    void is_what_lapack_finds() {
        QFETCH(int, index);
        const auto& [name, make, rank] = cases()[static_cast<std::size_t>(index)];
        at::manual_seed(7);
        const at::Tensor matrix = make();
        const std::int64_t kept = std::min({rank, matrix.size(0), matrix.size(1)});
        const auto [u, s, vh] = leading_singular(matrix, rank);
        QCOMPARE(u.sizes(), (at::IntArrayRef{matrix.size(0), kept}));
        QCOMPARE(s.sizes(), at::IntArrayRef{kept});
        QCOMPARE(vh.sizes(), (at::IntArrayRef{kept, matrix.size(1)}));
        const at::Tensor exact = matrix.to(at::kDouble);
        const at::Tensor values = at::linalg_svdvals(exact);
        const double largest = values[0].item<double>(), whole = values.norm().item<double>();
        const double least = values.slice(0, kept).norm().item<double>();
        const at::Tensor product = at::mm((u * s).to(at::kDouble), vh.to(at::kDouble));
        const double left = (exact - product).norm().item<double>();
        const double values_off = (s - values.slice(0, 0, kept)).abs().max().item<double>();
        qInfo("left %.9f of the least, values within %.1e of the largest", least > 0 ? left / least : 1.0,
              largest > 0 ? values_off / largest : 0.0);
        QVERIFY2(left <= least * (1 + 1e-6) + 1e-6 * whole, name);
        QVERIFY2(values_off <= 1e-4 * largest, name);
        QVERIFY(at::equal(s, std::get<0>(s.sort(0, /*descending=*/true))));
        const at::Tensor unit = at::mm(vh, vh.t()).to(at::kDouble), there = at::diag((s > 0).to(at::kDouble));
        if (rank <= 256 && kept < values.size(0))
            QVERIFY2((at::mm(at::mm(there, unit), there) - there).abs().max().item<double>() < 1e-4, name);
    }

    void is_the_same_with_any_number_of_threads() {
        at::manual_seed(8);
        const at::Tensor matrix = noise(900, 700);
        const int before = at::get_num_threads();
        std::vector<Singular> found;
        for (const int threads : {1, 2, 3}) {
            at::set_num_threads(threads);
            found.push_back(leading_singular(matrix, 8));
        }
        at::set_num_threads(before);
        for (const Singular& other : found)
            QVERIFY(at::equal(other.u, found[0].u) && at::equal(other.s, found[0].s) &&
                    at::equal(other.vh, found[0].vh));
    }

    /// Many searches, of which LAPACK's one would take minutes.
    void is_stopped_at_any_width() {
        at::manual_seed(9);
        const at::Tensor matrix = noise(3000, 4096);
        JobContext job;
        std::chrono::steady_clock::time_point asked;
        std::thread user([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(1500));
            asked = std::chrono::steady_clock::now();
            job.cancel.request();
        });
        bool cancelled = false;
        {
            const CancelScope scope(job);
            try {
                (void)leading_singular(matrix, 3000);
            } catch (const Cancelled&) {
                cancelled = true;
            }
        }
        const auto ended = std::chrono::steady_clock::now();
        user.join();
        QVERIFY(cancelled);
        const double seconds = std::chrono::duration<double>(ended - asked).count();
        qInfo("%.2f s", seconds);
        QVERIFY2(seconds < 5, std::to_string(seconds).c_str()); // one on a machine that does nothing else
    }

    /// GRATICULE_BENCHMARK=1: beside the decomposition as a whole.
    void takes_no_longer_than_lapack() {
        if (qEnvironmentVariableIntValue("GRATICULE_BENCHMARK") != 1) QSKIP("GRATICULE_BENCHMARK=1 is not set");
        const auto seconds = [](const auto& work) {
            const auto begin = std::chrono::steady_clock::now();
            work();
            return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        };
        for (const auto& [rows, columns] : {std::pair(512, 512), {2048, 2048}, {5632, 2048}, {4096, 4096}}) {
            at::manual_seed(10);
            const at::Tensor matrix = noise(rows, columns);
            for (const std::int64_t rank : {8, 64}) {
                const double ours = seconds([&] { (void)leading_singular(matrix, rank); });
                qInfo("%d x %d, rank %d: %.2f s", rows, columns, int(rank), ours);
            }
            const double theirs = seconds([&] { (void)at::linalg_svd(matrix, /*full_matrices=*/false); });
            qInfo("%d x %d: LAPACK %.2f s", rows, columns, theirs);
        }
    }
};

GRATICULE_TEST(TestLeadingSingular);
#include "tst_leading_singular.moc"
