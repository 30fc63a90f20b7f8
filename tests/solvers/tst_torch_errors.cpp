// Every exception as what a person is told: kind, what was needed, the way out.
#include "tests/solvers/golden_tensors.h"

#include <filesystem>
#include <functional>
#include <new>
#include <system_error>

#include "core/runtime/torch_error.h"
#include "kernels/api/kernel_error.h"

using namespace graticule;

using Throws = std::function<void()>;
Q_DECLARE_METATYPE(Throws)

namespace {

// As LibTorch words them.
constexpr const char* card_full =
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.19 GiB of which 3.21 GiB is "
    "free. Including non-PyTorch memory, this process has 75.97 GiB memory in use.\nframe #0: c10::Error::Error";
constexpr const char* card_lost = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be";

c10::SourceLocation here() { return c10::SourceLocation::current(); }

} // namespace

class TorchErrorsTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void every_exception_has_a_kind_and_a_text_data() {
        QTest::addColumn<Throws>("thrown");
        QTest::addColumn<int>("kind");
        QTest::addColumn<QString>("text");
        const auto row = [](const char* name, Throws thrown, ErrorKind kind, const char* text) {
            QTest::newRow(name) << std::move(thrown) << static_cast<int>(kind) << QString(text);
        };
        row(
            "GPU memory", [] { throw c10::OutOfMemoryError(here(), card_full); }, ErrorKind::out_of_memory,
            "not enough memory on the GPU: 20.00 GiB more were needed, 3.21 GiB were free; use shorter windows, or "
            "fewer or shorter samples, or run on the CPU");
        row(
            "host memory", [] { (void)at::empty({std::int64_t{1} << 50}); }, ErrorKind::out_of_memory,
            "not enough memory: 4503.6 TB more were needed; use shorter windows, or fewer or shorter "
            "samples");
        row(
            "operator new", [] { throw std::bad_alloc(); }, ErrorKind::out_of_memory,
            "not enough memory; use shorter windows, or fewer or shorter samples");
        row(
            "a thread too many",
            [] { throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again)); },
            ErrorKind::out_of_memory,
            "no thread could be started: memory or the number of processes is limited (ulimit -v, -d, -u); raise the "
            "limit, or set OMP_NUM_THREADS to fewer threads");
        row(
            "kernel memory",
            [] { throw KernelError(KernelError::Kind::out_of_memory, "CUDA: out of memory in cudaMalloc"); },
            ErrorKind::out_of_memory,
            "not enough memory on the GPU (CUDA: out of memory in cudaMalloc); use shorter windows, or fewer or "
            "shorter samples, or run on the CPU");
        row(
            "GPU lost", [] { throw c10::AcceleratorError(here(), 700, card_lost); }, ErrorKind::device,
            "LibTorch: CUDA error: an illegal memory access was encountered");
        row(
            "kernel device", [] { throw KernelError(KernelError::Kind::device, "CUDA: launch failed"); },
            ErrorKind::device, "CUDA: launch failed");
        row(
            "kernel argument", [] { throw KernelError(KernelError::Kind::invalid_argument, "group 3 of 8"); },
            ErrorKind::internal, "group 3 of 8");
        row(
            "Error", [] { throw Error(ErrorKind::unsupported, "no such thing"); }, ErrorKind::unsupported,
            "no such thing");
        row(
            "anything", [] { throw std::runtime_error("odd"); }, ErrorKind::internal, "odd");
        row(
            "no exception class", [] { throw 7; }, ErrorKind::internal,
            "an exception of a type that this program does not know");
    }

    void every_exception_has_a_kind_and_a_text() {
        QFETCH(Throws, thrown);
        QFETCH(int, kind);
        QFETCH(QString, text);
        ErrorInfo seen;
        try {
            thrown();
        } catch (...) {
            seen = current_error();
        }
        QCOMPARE(QString::fromStdString(seen.message), text);
        QCOMPARE(static_cast<int>(seen.kind), kind);

        ErrorInfo left; // the same from within the engine, with what was being done
        try {
            translate_torch_errors("evaluating window 3", thrown);
        } catch (const Error& error) {
            left = error.info();
        }
        QCOMPARE(left.message, seen.message);
        QCOMPARE(static_cast<int>(left.kind), kind);
        QCOMPARE(left.context, std::vector<std::string>{"evaluating window 3"});
    }

    void files_that_cannot_be_read_are_bad_input() {
        try {
            (void)std::filesystem::file_size("no/such/file");
        } catch (...) {
            const ErrorInfo seen = current_error();
            QCOMPARE(static_cast<int>(seen.kind), static_cast<int>(ErrorKind::bad_input));
            QVERIFY(seen.message.find("no/such/file") != std::string::npos);
            return;
        }
        QFAIL("no error");
    }

    void cancelling_is_no_error() {
        QVERIFY_THROWS_EXCEPTION(Cancelled, translate_torch_errors("x", [] { throw Cancelled(); }));
    }
};

GRATICULE_TEST(TorchErrorsTest);
#include "tst_torch_errors.moc"
