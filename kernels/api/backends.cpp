#include "kernels/api/backends.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "kernels/api/cuda_card_check.h"
#include "kernels/api/cuda_module.h"
#include "kernels/api/kernel_error.h"

namespace graticule {
namespace {

constexpr const char* module_file = "libgraticule_cuda.so";

struct LoadedModule {
    CudaModule module;
    std::string why;
    CudaCardCheck check_card = nullptr;
};

/// Folder of the program or library this code is linked into, and of the program itself where that is another.
std::vector<std::filesystem::path> folders_beside_program() {
    std::vector<std::filesystem::path> folders;
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&cpu_backend), &info) != 0 && info.dli_fname != nullptr)
        folders.push_back(std::filesystem::absolute(info.dli_fname).parent_path());
    std::error_code unreadable;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unreadable);
    if (!unreadable && (folders.empty() || folders.front() != program.parent_path()))
        folders.push_back(program.parent_path());
    return folders;
}

/// Where the module may lie: GRATICULE_CUDA_MODULE, beside the program, its ../lib and (in a build tree, for the tests)
/// ../bin.
std::vector<std::string> candidates() {
    std::vector<std::string> paths;
    if (const char* set = std::getenv("GRATICULE_CUDA_MODULE")) return {set};
    for (const std::filesystem::path& folder : folders_beside_program())
        for (const char* relative : {".", "../lib/graticule", "../lib", "../bin"}) {
            std::error_code unreadable;
            const std::filesystem::path path = folder / relative / module_file;
            if (std::filesystem::exists(path, unreadable)) paths.push_back(path.lexically_normal().string());
        }
    paths.emplace_back(module_file); // the dynamic linker's own search path
    return paths;
}

std::string last_dl_error() {
    const char* error = dlerror();
    return error == nullptr ? "unknown error of the dynamic linker" : error;
}

LoadedModule load() {
    const std::string path = candidates().front();
    void* library =
        dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL); // never closed: kernels stay registered with the driver
    if (library == nullptr)
        return {{},
                "the CUDA module could not be loaded (" + last_dl_error() +
                    "); build with GRATICULE_CUDA=ON and keep " + module_file + " beside the program"};
    auto* entry = reinterpret_cast<CudaModuleEntry>(dlsym(library, cuda_module_entry));
    if (entry == nullptr) return {{}, path + " is not Graticule's CUDA module (" + last_dl_error() + ")"};
    LoadedModule loaded;
    loaded.check_card = reinterpret_cast<CudaCardCheck>(dlsym(library, cuda_card_check_entry));
    if (loaded.check_card == nullptr)
        return {{}, path + " is of another build (" + last_dl_error() + "); install both from one package"};
    std::array<char, 512> why{};
    if (!entry(cuda_module_interface_version, &loaded.module, why.data(), why.size())) loaded.why = why.data();
    return loaded;
}

const LoadedModule& loaded_module() {
    static const LoadedModule loaded = load();
    return loaded;
}

class HostMemory final : public DeviceMemory {
public:
    void* allocate(std::size_t bytes) override {
        void* pointer = std::malloc(bytes == 0 ? 1 : bytes);
        if (pointer == nullptr)
            throw KernelError(KernelError::Kind::out_of_memory,
                              "no room for " + std::to_string(bytes) + " bytes in host memory");
        return pointer;
    }
    void release(void* pointer) noexcept override { std::free(pointer); }
    void to_device(void* device, const void* host, std::size_t bytes) override { copy(device, host, bytes); }
    void to_host(void* host, const void* device, std::size_t bytes) override { copy(host, device, bytes); }

private:
    static void copy(void* to, const void* from, std::size_t bytes) {
        if (bytes != 0) std::memcpy(to, from, bytes);
    }
};

} // namespace

const Backend* cuda_backend(std::string& why) {
    const LoadedModule& loaded = loaded_module();
    why = loaded.why;
    return loaded.module.backend;
}

std::string cuda_card_problem() {
    const LoadedModule& loaded = loaded_module();
    if (loaded.module.backend == nullptr) return loaded.why;
    std::array<char, 512> why{};
    return loaded.check_card(why.data(), why.size()) ? std::string() : why.data();
}

const GemmTable* cuda_gemms() { return loaded_module().module.gemms; }

DeviceMemory& host_memory() {
    static HostMemory memory;
    return memory;
}

DeviceMemory& cuda_memory() {
    const LoadedModule& loaded = loaded_module();
    if (loaded.module.memory == nullptr) throw KernelError(KernelError::Kind::device, loaded.why);
    return *loaded.module.memory;
}

} // namespace graticule
