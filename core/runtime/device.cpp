#include "core/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <torch/headeronly/version.h>

#include <charconv>
#include <fstream>
#include <optional>

#include "core/base/error.h"
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

/// The card's name from the driver itself; Torch's own query needs CUDA headers.
std::string cuda_device_name(int index) {
    void* driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (driver == nullptr) return "GPU " + std::to_string(index);
    using Query = int (*)(char*, int, int);
    const auto name_of = reinterpret_cast<Query>(dlsym(driver, "cuDeviceGetName"));
    char name[128] = {};
    const bool known = name_of != nullptr && name_of(name, sizeof name - 1, index) == 0;
    return known ? name : "GPU " + std::to_string(index);
}

/// Index in "cuda", "cuda:N"; empty: neither.
std::optional<int> parse_cuda(const std::string& name) {
    if (name == "cuda") return 0;
    if (!name.starts_with("cuda:")) return std::nullopt;
    int index = -1;
    const char* end = name.data() + name.size();
    const auto [stop, code] = std::from_chars(name.data() + 5, end, index);
    if (code != std::errc() || stop != end || index < 0) return std::nullopt;
    return index;
}

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

Device open_device(const std::string& name) {
    Device device;
    if (name.empty() || name == "cpu") {
        device.backend_ = &cpu_backend();
        return device;
    }
    const std::optional<int> index = parse_cuda(name);
    if (!index) throw Error(ErrorKind::usage, "\"" + name + "\" is no device; use cpu, cuda or cuda:N");
    if (const std::string& problem = load_torch_cuda(); !problem.empty()) throw Error(ErrorKind::device, problem);
    const int count = cuda_device_count();
    if (count == 0)
        throw Error(ErrorKind::device, "\"" + name +
                                           "\": LibTorch finds no NVIDIA GPU here; check the driver with "
                                           "nvidia-smi, or use --device cpu");
    if (*index >= count)
        throw Error(ErrorKind::device,
                    "\"" + name + "\": there are " + std::to_string(count) + " CUDA devices, counted from cuda:0");
    translate_torch_errors("starting " + name, [&] { at::globalContext().lazyInitDevice(at::kCUDA); });
    device.index_ = *index;
    device.name_ = "cuda:" + std::to_string(*index);
    device.label_ = "cuda: " + cuda_device_name(*index);
    device.backend_ = cuda_backend(device.backend_problem_);
    return device;
}

std::string torch_version() { return TORCH_VERSION; }

std::vector<DeviceRow> list_devices() {
    std::vector<DeviceRow> rows = {{"cpu", "CPU, " + std::to_string(at::get_num_threads()) + " threads", ""}};
    std::string problem = load_torch_cuda();
    const int count = problem.empty() ? cuda_device_count() : 0;
    if (count == 0 && problem.empty()) problem = "LibTorch finds no NVIDIA GPU here";
    if (count == 0) rows.push_back({"cuda", "CUDA", problem});
    for (int index = 0; index < count; ++index)
        rows.push_back({"cuda:" + std::to_string(index), cuda_device_name(index), ""});
    return rows;
}

} // namespace graticule
