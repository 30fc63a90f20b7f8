#include "core/io/claim.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <span>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/host_name.h"
#include "core/io/aside.h"
#include "core/io/before_output.h"
#include "core/io/file_lock.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

/// Where the name beside the output does not hold all of its own, a number tells it apart.
fs::path claim_of(const fs::path& target) {
    const std::string name = target.filename().string();
    std::string number = "0";
    if (name.size() > longest_part_of_name)
        number = std::to_string(std::stoull(sha256_hex(name).substr(0, 15), nullptr, 16));
    return beside(target, "0-" + number);
}

std::string this_process() {
    return std::string(::program_invocation_short_name) + ", process " + std::to_string(::getpid()) + " on " +
           host_name();
}

/// Which process wrote the claim; empty where it cannot be read.
std::string holder_in(const fs::path& claim) {
    const Descriptor file(::open(claim.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    char text[512] = {};
    const ssize_t read = file.is_open() ? ::read(file.get(), text, sizeof text) : 0;
    return read > 0 ? std::string(text, static_cast<std::size_t>(read)) : std::string();
}

[[noreturn]] void refuse(const fs::path& target, const fs::path& claimed, const fs::path& claim) {
    std::string who = holder_in(claim);
    if (who.empty()) who = "another process";
    throw Error(ErrorKind::usage, (claimed == target ? "" : target.string() + ": ") + claimed.string() +
                                      " is being written by " + who +
                                      "; wait for its end, or choose another place for the output");
}

void refuse_around(const fs::path& target, Claim::Kind kind) {
    for (fs::path above = target.parent_path(); above.has_relative_path(); above = above.parent_path())
        if (const fs::path claim = claim_of(above); is_held(claim)) refuse(target, above, claim);
    if (kind == Claim::Kind::file) return;
    std::error_code failed; // what goes meanwhile, or may not be looked at, holds nothing
    fs::recursive_directory_iterator entry(target, fs::directory_options::skip_permission_denied, failed);
    for (; entry != fs::recursive_directory_iterator(); entry.increment(failed))
        if (is_name_beside(entry->path()) && is_held(entry->path()))
            refuse(target, entry->path().parent_path() / meant_by(entry->path().filename()), entry->path());
}

} // namespace

Claim::Claim(const fs::path& target, Kind kind) {
    try {
        if (kind == Kind::folder) made_ = make_folders(target.parent_path());
        take(target, kind);
        refuse_around(target, kind);
    } catch (...) {
        let_go();
        throw;
    }
}

void Claim::take(const fs::path& target, Kind kind) {
    const fs::path claim = claim_of(target);
    constexpr int patience = 20; // somebody who sweeps holds a lock for a moment, and what he removes is made anew
    for (int attempt = 0;; ++attempt) {
        file_ = Descriptor(::open(claim.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
        // In a folder like /tmp another's file may be opened, but not to be made.
        if (!file_.is_open() && errno == EEXIST)
            file_ = Descriptor(::open(claim.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (!file_.is_open()) {
            const int reason = errno;
            if (reason == ENOENT && attempt < patience && fs::exists(claim.parent_path())) continue;
            throw_not_made(target, kind, reason);
        }
        if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
            const bool held = errno == EWOULDBLOCK;
            if (held && attempt < patience) {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
                continue;
            }
            if (held) refuse(target, target, claim);
            path_ = claim; // no locks here
            return let_go();
        }
        if (still_there(claim, file_)) break;
    }
    struct stat status = {};
    if (::fstat(file_.get(), &status) != 0 || (status.st_size > 0 && !is_unfinished(file_))) return; // somebody's own
    path_ = claim;
    mark_unfinished(file_);
    const Descriptor file(::open(claim.c_str(), O_WRONLY | O_NOFOLLOW | O_TRUNC | O_CLOEXEC));
    const std::string who = this_process(); // a full disk has no room for it: the lock counts
    if (file.is_open()) (void)write_all(file, std::as_bytes(std::span(who)), 0);
}

Claim::~Claim() { let_go(); }

Claim::Claim(Claim&& other) noexcept
    : path_(std::exchange(other.path_, {}))
    , made_(std::exchange(other.made_, {}))
    , file_(std::move(other.file_)) {}

void Claim::let_go() {
    std::error_code ignored;
    if (!path_.empty() && still_there(path_, file_)) fs::remove(path_, ignored);
    path_.clear();
    (void)file_.close();
    remove_empty(std::exchange(made_, {}));
}

void refuse_what_is_claimed(const fs::path& target, Claim::Kind kind) {
    if (const fs::path claim = claim_of(target); is_held(claim)) refuse(target, target, claim);
    refuse_around(target, kind);
}

} // namespace graticule
