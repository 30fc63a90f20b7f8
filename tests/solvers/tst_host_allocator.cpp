// Large tensors of the host: apart from the heap, used again, and few of them idle.
#include <ATen/ATen.h>
#include <QtTest/QTest>
#include <fstream>
#include <string>
#include <vector>

#include "core/runtime/device.h"
#include "core/runtime/host_allocator.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

at::Tensor bytes_of(std::int64_t bytes) { return at::empty({bytes}, at::kByte); }

bool in_heap(const at::Tensor& tensor) {
    const auto address = reinterpret_cast<std::uintptr_t>(tensor.data_ptr());
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("[heap]") == std::string::npos) continue;
        std::size_t dash = 0;
        const std::uintptr_t begin = std::stoull(line, &dash, 16),
                             end = std::stoull(line.substr(dash + 1), nullptr, 16);
        if (address >= begin && address < end) return true;
    }
    return false;
}

/// Private writable memory of the process, which RLIMIT_DATA limits.
std::int64_t own_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmData:")) return std::stoll(line.substr(7)) * 1024;
    return 0;
}

} // namespace

class TestHostAllocator : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { (void)open_device("cpu"); }

    void large_ones_are_mapped_and_used_again() {
        QVERIFY(in_heap(bytes_of(1000)));
        at::Tensor large = bytes_of(least_large_tensor);
        QVERIFY(!in_heap(large));
        QCOMPARE(reinterpret_cast<std::uintptr_t>(large.data_ptr()) % 4096, std::uintptr_t(0));
        large.fill_(7);
        const void* place = large.data_ptr();
        large.reset();
        QVERIFY(bytes_of(least_large_tensor + 4096).data_ptr() != place); // of another size
        const at::Tensor again = bytes_of(least_large_tensor);
        QCOMPARE(again.data_ptr(), place);
        QVERIFY(bytes_of(least_large_tensor).data_ptr() != place); // it is taken
    }

    void few_are_idle() {
        const std::int64_t before = own_bytes();
        {
            std::vector<at::Tensor> many; // of one size each, so that none serves another
            for (std::int64_t i = 1; i <= 40; ++i) many.push_back(bytes_of((std::int64_t{8} << 20) + i * 4096));
            QVERIFY(own_bytes() - before >= std::int64_t{280} << 20);
        }
        QVERIFY2(own_bytes() - before <= most_idle_bytes + (std::int64_t{1} << 20),
                 std::to_string(own_bytes() - before).c_str());
    }

    /// What stays lies between what goes: in the heap each small one would keep a large hole.
    void what_stays_leaves_no_holes() {
        const std::int64_t before = own_bytes();
        std::vector<at::Tensor> stays;
        for (std::int64_t i = 0; i < 100; ++i) {
            const at::Tensor goes = bytes_of((std::int64_t{4} << 20) + i * 65536); // a little larger than the hole
            stays.push_back(bytes_of(200'000));
        }
        const std::int64_t held = 100 * 200'000, grown = own_bytes() - before;
        QVERIFY2(grown <= held + most_idle_bytes + (std::int64_t{12} << 20), std::to_string(grown).c_str());
    }

    void too_much_is_said() {
        try {
            (void)bytes_of(std::int64_t{1} << 60);
            QFAIL("an exabyte of memory");
        } catch (const c10::Error& problem) {
            QVERIFY(std::string(problem.what()).find("tried to allocate") != std::string::npos);
        }
    }
};

GRATICULE_TEST(TestHostAllocator);
#include "tst_host_allocator.moc"
