#include "core/io/content_hash.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <new>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/io/descriptor.h"
#include "core/io/hash_cache.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::uint64_t small_file = std::uint64_t{16} << 20; // hashed in about ten milliseconds
constexpr std::size_t piece = std::size_t{1} << 20;           // between two looks at whether to stop
// Times of files may be coarse (2 s on FAT): what was written just now could change again without its time telling.
constexpr auto settled = 2s;

struct Stopped {};

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
    throw Error(ErrorKind::bad_input, path.string() + ": " + what);
}

/// One file, open from the start: a file renamed into its place later is another one, and this stays what was opened.
class HashedFile {
public:
    explicit HashedFile(fs::path path)
        : path_(std::move(path))
        , descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))
        , open_error_(descriptor_.is_open() ? 0 : errno) {
        if (descriptor_.is_open()) stamp_ = stamp();
    }

    [[nodiscard]] const fs::path& path() const { return path_; }
    [[nodiscard]] const FileStamp& opened_as() const { return stamp_; }

    /// `read` counts the bytes gone through. Throws Stopped when `stop` says so.
    [[nodiscard]] std::string compute(const std::stop_token& stop, std::atomic<std::uint64_t>& read) const {
        if (!descriptor_.is_open())
            fail(path_, std::string("cannot be read for its hash: ") + std::strerror(open_error_));
        check_unchanged();
        Sha256 sha;
        std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(piece, stamp_.bytes)));
        for (std::uint64_t at = 0; at < stamp_.bytes;) {
            if (stop.stop_requested()) throw Stopped();
            const ssize_t got = ::pread(descriptor_.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) fail(path_, std::string("reading it for its hash: ") + std::strerror(errno));
            if (got == 0) break; // shorter than it was: said below
            sha.update(std::span(buffer).first(static_cast<std::size_t>(got)));
            at += static_cast<std::uint64_t>(got);
            read += static_cast<std::uint64_t>(got);
        }
        check_unchanged();
        return sha.hex();
    }

    [[nodiscard]] bool has_settled() const {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        return std::chrono::nanoseconds(stamp_.modified_ns) + settled < now;
    }

private:
    [[nodiscard]] FileStamp stamp() const {
        struct stat status = {};
        if (::fstat(descriptor_.get(), &status) != 0) return {};
        return {static_cast<std::uint64_t>(status.st_size),
                static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec,
                static_cast<std::uint64_t>(status.st_ino)};
    }
    void check_unchanged() const {
        if (stamp() != stamp_)
            fail(path_, "it was changed after the model was opened, so that results would be of neither content; open "
                        "the model again");
    }

    fs::path path_;
    Descriptor descriptor_;
    int open_error_;
    FileStamp stamp_;
};

} // namespace

struct ContentHash::State {
    struct Item {
        HashedFile file;
        std::string hash; // empty: not known; guarded by mutex
        explicit Item(const fs::path& path)
            : file(path) {}
    };

    mutable std::mutex mutex; // guards every Item::hash, value, error and started
    std::condition_variable changed;
    std::vector<std::unique_ptr<Item>> items;
    std::string value; // of all; empty: not known
    std::optional<Error> error;
    bool started = false;
    std::atomic<std::uint64_t> read{0};
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> threads; // last: joined first

    void keep(Item& item, std::string hash) {
        const std::lock_guard lock(mutex);
        item.hash = std::move(hash);
        Sha256 all;
        for (const auto& each : items) {
            if (each->hash.empty()) return;
            all.update(each->file.path().filename().string() + '\n' + each->hash + '\n');
        }
        value = all.hex();
        changed.notify_all();
    }
    void keep(const Error& problem) {
        const std::lock_guard lock(mutex);
        if (!error) error = problem;
        changed.notify_all();
    }
    [[nodiscard]] std::optional<std::string> known() const { // mutex held
        if (error) throw Error(*error);
        return value.empty() ? std::nullopt : std::optional(value);
    }
    [[nodiscard]] bool is_known(const Item& item) const {
        const std::lock_guard lock(mutex);
        return !item.hash.empty();
    }

    void compute(Item& item, const std::stop_token& stop) {
        try {
            std::string hash = item.file.compute(stop, read);
            if (item.file.opened_as().bytes > small_file && item.file.has_settled())
                remember_hash(item.file.path(), item.file.opened_as(), hash);
            keep(item, std::move(hash));
        } catch (const Error& problem) {
            keep(problem);
        } catch (const std::bad_alloc&) {
            keep(Error(ErrorKind::out_of_memory,
                       item.file.path().string() + ": not enough memory to hash it; close other programs"));
        } catch (const std::exception& problem) {
            keep(Error(ErrorKind::internal, item.file.path().string() + ": hashing it: " + problem.what()));
        }
    }

    void work(const std::stop_token& stop) {
        // The computation it runs beside comes first. Where that is not allowed it is only slower.
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 10);
        try {
            for (std::size_t i = next++; i < items.size() && !stop.stop_requested(); i = next++)
                if (!is_known(*items[i])) compute(*items[i], stop);
        } catch (const Stopped&) {
            return;
        }
    }
};

ContentHash::ContentHash(std::span<const fs::path> files)
    : state_(std::make_unique<State>()) {
    for (const fs::path& file : files) state_->items.push_back(std::make_unique<State::Item>(file));
}

ContentHash::~ContentHash() {
    for (std::jthread& thread : state_->threads) thread.request_stop(); // all first, then each is joined
}

void ContentHash::look_up() {
    for (const auto& item : state_->items) {
        if (state_->is_known(*item)) continue;
        if (item->file.opened_as().bytes <= small_file)
            state_->compute(*item, {});
        else if (auto hash = remembered_hash(item->file.path(), item->file.opened_as()))
            state_->keep(*item, std::move(*hash));
    }
}

void ContentHash::start() {
    std::size_t missing = 0;
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->started || state_->error) return;
        state_->started = true;
        for (const auto& item : state_->items) missing += item->hash.empty() ? 1 : 0;
    }
    const std::size_t threads = std::min<std::size_t>(missing, std::max(1U, std::thread::hardware_concurrency()));
    for (std::size_t i = 0; i < threads; ++i)
        state_->threads.emplace_back([this](const std::stop_token& stop) { state_->work(stop); });
}

std::optional<std::string> ContentHash::known() const {
    const std::lock_guard lock(state_->mutex);
    return state_->known();
}

std::string ContentHash::wait(JobContext& ctx) {
    if (auto value = known()) return *value;
    start();
    constexpr std::uint64_t megabyte = 1'000'000;
    std::uint64_t total = 0, told = 0;
    for (const auto& item : state_->items) total += item->file.opened_as().bytes;
    ctx.progress.begin("Hashing the model's files (MB)", static_cast<std::int64_t>(total / megabyte));
    std::unique_lock lock(state_->mutex);
    for (;;) {
        if (auto value = state_->known()) return *value;
        ctx.check_cancelled();
        const std::uint64_t done = state_->read / megabyte;
        ctx.progress.add(static_cast<std::int64_t>(done - told));
        told = done;
        state_->changed.wait_for(lock, 50ms);
    }
}

} // namespace graticule
