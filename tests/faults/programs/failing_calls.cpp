// Preloaded into a program under test (LD_PRELOAD): counts the calls of one kind that it makes and lets the n-th fail,
// as SQLite tests itself. Configured by the environment:
//
//     FAULT_KIND=KIND     write, fsync, rename, create (a file or folder), mmap, allocate: which calls count; exchange,
//                         lock: every one is unsupported
//     FAULT_AT=n          the n-th fails (0: none, only count)
//     FAULT_ERROR=28      errno of the failure; -9: the program gets that signal before it, and if it goes on, so does
//                         the call
//     FAULT_REPORT=FILE   the number of calls is written there when the program ends
//
// Loading LibTorch takes longer than a small job. So with
//
//     FAULT_SERVER=FILE   each line "KIND AT ERROR" of standard input runs the program's main once more in a process of
//                         its own (fork) that says on standard error, which is FILE, what went wrong; answered on
//                         standard output by "STATUS CALLS", waitpid's and how many calls there were
//
// Calls count from the program's main on. Only what it does to files counts as a write or a flush: not what it prints.
// An allocation counts from 16 KiB up, where it is operator new's or aligned (LibTorch's).
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <new>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

enum Kind {
    none,
    write_call,
    fsync_call,
    rename_call,
    create_call,
    mmap_call,
    allocate_call,
    exchange_call,
    lock_call
};

constexpr std::size_t large = std::size_t{16} << 10; ///< a weight of the cut model (../cut_model.h) in float32

/// In memory that the server shares with the process it started.
std::atomic<long>& calls =
    *new (::mmap(nullptr, sizeof(std::atomic<long>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
        std::atomic<long>{0};
Kind kind = none;
long fail_at = 0;
int error_code = 5;
const char* report = nullptr;

Kind kind_of(const char* name) {
    static constexpr const char* names[] = {"",     "write",    "fsync",    "rename", "create",
                                            "mmap", "allocate", "exchange", "lock"};
    for (int i = 1; i < 9; ++i)
        if (std::strcmp(name, names[i]) == 0) return static_cast<Kind>(i);
    return none;
}

void configure() __attribute__((constructor));
void configure() {
    const char* name = std::getenv("FAULT_KIND");
    if (name == nullptr) return;
    if (const char* at = std::getenv("FAULT_AT")) fail_at = std::atol(at);
    if (const char* code = std::getenv("FAULT_ERROR")) error_code = std::atoi(code);
    report = std::getenv("FAULT_REPORT");
    kind = kind_of(name); // last: calls count from here on
}

void tell() __attribute__((destructor));
void tell() {
    const long made = calls.load();
    kind = none;
    if (report == nullptr) return;
    char text[32];
    const int length = std::snprintf(text, sizeof text, "%ld\n", made);
    const int file = ::open(report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return;
    [[maybe_unused]] const ssize_t written = ::write(file, text, static_cast<std::size_t>(length));
    ::close(file);
}

/// Standard input and output of the process that runs the program: nothing, and nowhere; its errors into `file`.
bool redirect(const char* file) {
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const int errors = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    return nothing >= 0 && errors >= 0 && ::dup2(nothing, STDIN_FILENO) >= 0 && ::dup2(nothing, STDOUT_FILENO) >= 0 &&
           ::dup2(errors, STDERR_FILENO) >= 0;
}

/// True in every process that is to run the program; false in the server, once nobody asks any more.
bool serve(const char* errors) {
    char name[16];
    long at = 0;
    int error = 0;
    while (std::scanf("%15s %ld %d", name, &at, &error) == 3) {
        calls = 0;
        const pid_t child = ::fork();
        if (child == 0) {
            if (!redirect(errors)) ::_exit(99);
            kind = kind_of(name);
            fail_at = at;
            error_code = error;
            return true;
        }
        int status = 0;
        if (child < 0 || ::waitpid(child, &status, 0) != child) return false;
        std::printf("%d %ld\n", status, calls.load());
        std::fflush(stdout);
    }
    return false;
}

int (*program_main)(int, char**, char**) = nullptr;
std::atomic<bool> in_main{false};

int counting_main(int argc, char** argv, char** environment) {
    if (const char* errors = std::getenv("FAULT_SERVER"); errors != nullptr && !serve(errors)) return 0;
    in_main = true;
    const int code = program_main(argc, argv, environment);
    in_main = false;
    return code;
}

bool fails(Kind which) {
    if (kind != which || !in_main) return false;
    if (calls.fetch_add(1) + 1 != fail_at) return false;
    if (error_code < 0) {
        ::kill(::getpid(), -error_code);
        return false;
    }
    errno = error_code;
    return true;
}

bool is_file(int descriptor) {
    struct stat status = {};
    const int before = errno;
    const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    errno = before;
    return regular;
}

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

} // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
    static const auto real = next<ssize_t (*)(int, const void*, std::size_t)>("write");
    return kind == write_call && is_file(descriptor) && fails(write_call) ? -1 : real(descriptor, bytes, size);
}

ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
    static const auto real = next<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite");
    return fails(write_call) ? -1 : real(descriptor, bytes, size, offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, std::size_t size, off64_t offset) {
    static const auto real = next<ssize_t (*)(int, const void*, std::size_t, off64_t)>("pwrite64");
    return fails(write_call) ? -1 : real(descriptor, bytes, size, offset);
}

int fsync(int descriptor) {
    static const auto real = next<int (*)(int)>("fsync");
    return fails(fsync_call) ? -1 : real(descriptor);
}

int rename(const char* from, const char* to) noexcept {
    static const auto real = next<int (*)(const char*, const char*)>("rename");
    return fails(rename_call) ? -1 : real(from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
    static const auto real = next<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
    if (kind == exchange_call) {
        ++calls;
        errno = EINVAL; // what a file system says that cannot exchange
        return -1;
    }
    return fails(rename_call) ? -1 : real(from_folder, from, to_folder, to, flags);
}

int flock(int descriptor, int operation) noexcept {
    static const auto real = next<int (*)(int, int)>("flock");
    if (kind == lock_call) {
        ++calls;
        errno = EOPNOTSUPP; // what a file system says that has no locks
        return -1;
    }
    return real(descriptor, operation);
}

// What is behind the flags is there where a file may be made.
#define GRATICULE_OPEN(name)                                                                                           \
    int name(const char* path, int flags, ...) {                                                                       \
        static const auto real = next<int (*)(const char*, int, ...)>(#name);                                          \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;                           \
        va_end(more);                                                                                                  \
        return (flags & O_CREAT) != 0 && fails(create_call) ? -1 : real(path, flags, mode);                            \
    }
GRATICULE_OPEN(open)
GRATICULE_OPEN(open64)

int mkdir(const char* path, mode_t mode) noexcept {
    static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
    return fails(create_call) ? -1 : real(path, mode);
}

void* mmap(void* address, std::size_t size, int protection, int flags, int descriptor, off_t offset) noexcept {
    static const auto real = next<void* (*)(void*, std::size_t, int, int, int, off_t)>("mmap");
    return descriptor >= 0 && fails(mmap_call) ? MAP_FAILED
                                               : real(address, size, protection, flags, descriptor, offset);
}

int posix_memalign(void** out, std::size_t alignment, std::size_t size) noexcept { // what LibTorch allocates with
    static const auto real = next<int (*)(void**, std::size_t, std::size_t)>("posix_memalign");
    return size >= large && fails(allocate_call) ? ENOMEM : real(out, alignment, size);
}

/// The program's own main, so that what libraries do before it and after it does not count.
int __libc_start_main(int (*main_function)(int, char**, char**), int argc, char** argv, void (*init)(), void (*fini)(),
                      void (*loader_fini)(), void* stack_end) {
    using Start = int (*)(int (*)(int, char**, char**), int, char**, void (*)(), void (*)(), void (*)(), void*);
    program_main = main_function;
    return next<Start>("__libc_start_main")(counting_main, argc, argv, init, fini, loader_fini, stack_end);
}

} // extern "C"

void* operator new(std::size_t size) {
    if (size >= large && fails(allocate_call)) throw std::bad_alloc();
    void* memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
