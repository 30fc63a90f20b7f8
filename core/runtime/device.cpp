#include "core/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <torch/headeronly/version.h>

#include <fstream>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "core/base/device_name.h"
#include "core/base/error.h"
#include "core/runtime/host_allocator.h"
#include "core/runtime/torch_bridge.h"
#include "core/runtime/torch_error.h"
#include "kernels/api/backends.h"

namespace graticule {

namespace {

/// Loads LibTorch's CUDA library once; empty when it is there, else what is missing and the way out. The program links
/// libtorch_cpu only, so that it starts where no NVIDIA library is.
const std::string& load_torch_cuda() {
    static const std::string problem = []() -> std::string {
        if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
            const char* reason = dlerror();
            return std::string("LibTorch's CUDA library did not load (") + (reason != nullptr ? reason : "no reason") +
                   "); install a CUDA build of LibTorch and put its lib folder on LD_LIBRARY_PATH";
        }
        return {};
    }();
    return problem;
}

int cuda_device_count() {
    try {
        return at::globalContext().hasCUDA() ? c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount() : 0;
    } catch (const std::exception&) {
        return 0; // no driver: an answer, not a failure
    }
}

/// The driver itself, which answers what cards there are without half a gigabyte of LibTorch's CUDA library; its
/// functions are few enough to be declared here, so that no CUDA header is needed.
class CudaDriver {
public:
    static const CudaDriver& instance() {
        static const CudaDriver driver;
        return driver;
    }
    [[nodiscard]] const std::string& problem() const { return problem_; } ///< empty: there are cards
    [[nodiscard]] int count() const { return count_; }
    [[nodiscard]] std::string name(int index) const {
        char name[128] = {};
        const bool known = name_of_ != nullptr && name_of_(name, sizeof name - 1, index) == 0;
        return known ? name : "GPU " + std::to_string(index);
    }

private:
    CudaDriver() {
        void* library = dlopen("libcuda.so.1", RTLD_NOW);
        if (library == nullptr) {
            problem_ = "there is no NVIDIA driver here (libcuda.so.1)";
            return;
        }
        const auto start = reinterpret_cast<int (*)(unsigned)>(dlsym(library, "cuInit"));
        const auto count = reinterpret_cast<int (*)(int*)>(dlsym(library, "cuDeviceGetCount"));
        name_of_ = reinterpret_cast<int (*)(char*, int, int)>(dlsym(library, "cuDeviceGetName"));
        const int code = start != nullptr && count != nullptr ? start(0) : -1;
        if (code != 0 || count(&count_) != 0 || count_ < 1) {
            count_ = 0;
            problem_ = "the NVIDIA driver finds no GPU (code " + std::to_string(code) + "); check it with nvidia-smi";
        }
    }
    int (*name_of_)(char*, int, int) = nullptr;
    int count_ = 0;
    std::string problem_;
};

std::int64_t available_host_bytes() {
    std::ifstream info("/proc/meminfo");
    std::string key;
    std::int64_t kilobytes = 0;
    std::string unit;
    while (info >> key >> kilobytes) {
        if (key == "MemAvailable:") return kilobytes * 1024;
        std::getline(info, unit);
    }
    return std::int64_t{4} << 30;
}

} // namespace

/// GNU OpenMP starts them when they are first needed, and ends the program without a word of ours where one of them
/// cannot be. So as many are tried here, and OpenMP's are started right behind them.
void start_workers() {
    thread_local bool started = false;
    if (started) return;
    const int others = at::get_num_threads() - 1;
    {
        std::latch all_tried(1); // or one could end before the next is tried
        std::vector<std::jthread> threads;
        struct Release {
            std::latch& latch;
            ~Release() { latch.count_down(); }
        } const release{all_tried}; // before the threads are joined
        for (int i = 0; i < others; ++i) threads.emplace_back([&all_tried] { all_tried.wait(); });
    }
    at::parallel_for(0, others + 1, 1, [](std::int64_t, std::int64_t) {});
    started = true;
}

const Backend& Device::kernels() const {
    if (backend_ == nullptr) throw Error(ErrorKind::device, backend_problem_);
    return *backend_;
}

std::int64_t Device::free_bytes() const {
    if (!is_cuda()) return available_host_bytes();
    return translate_torch_errors("asking " + name_ + " for its free memory", [&] {
        return static_cast<std::int64_t>(at::accelerator::getMemoryInfo(static_cast<c10::DeviceIndex>(index_)).first);
    });
}

void Device::start_peak() const {
    if (is_cuda()) c10::getDeviceAllocator(at::kCUDA)->resetPeakStats(static_cast<c10::DeviceIndex>(index_));
}

std::int64_t Device::peak_bytes() const {
    if (!is_cuda()) return 0;
    return c10::getDeviceAllocator(at::kCUDA)
        ->getDeviceStats(static_cast<c10::DeviceIndex>(index_))
        .allocated_bytes[0] // 0: all pools together
        .peak;
}

Device open_device(const std::string& name) {
    check_device_name(name);
    use_host_allocator();
    Device device;
    const std::optional<int> index = cuda_index(name);
    if (!index) {
        start_workers();
        device.backend_ = &cpu_backend();
        return device;
    }
    if (const std::string& problem = load_torch_cuda(); !problem.empty()) throw Error(ErrorKind::device, problem);
    const int count = cuda_device_count();
    if (count == 0)
        throw Error(ErrorKind::device, "\"" + name +
                                           "\": LibTorch finds no NVIDIA GPU here; check the driver with "
                                           "nvidia-smi, or use --device cpu");
    if (*index >= count)
        throw Error(ErrorKind::device,
                    "\"" + name + "\": there are " + std::to_string(count) + " CUDA devices, counted from cuda:0");
    translate_torch_errors("starting " + name, [&] {
        at::globalContext().lazyInitDevice(at::kCUDA);
        choose_exact_products();
    });
    start_workers(); // they fill the buffers that weights travel in
    device.index_ = *index;
    device.name_ = "cuda:" + std::to_string(*index);
    device.label_ = "cuda: " + CudaDriver::instance().name(*index);
    device.backend_ = cuda_backend(device.backend_problem_);
    if (device.backend_ != nullptr) {
        translate_torch_errors("starting " + device.name_, [&] {
            const TorchScope scope(device);
            device.backend_problem_ = cuda_card_problem(); // of this card: another may have kernels
        });
        if (!device.backend_problem_.empty()) device.backend_ = nullptr;
    }
    return device;
}

std::string torch_version() { return TORCH_VERSION; }

std::vector<DeviceRow> list_devices() {
    std::vector<DeviceRow> rows = {{"cpu", "CPU, " + std::to_string(at::get_num_threads()) + " threads", ""}};
    const CudaDriver& driver = CudaDriver::instance();
    if (!driver.problem().empty()) rows.push_back({"cuda", "CUDA", driver.problem()});
    for (int index = 0; index < driver.count(); ++index)
        rows.push_back({"cuda:" + std::to_string(index), driver.name(index), ""});
    return rows;
}

} // namespace graticule
