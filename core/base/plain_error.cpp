#include "core/base/plain_error.h"

#include <filesystem>
#include <new>
#include <system_error>

#include "core/base/mapping_guard.h"

namespace graticule {

ErrorInfo plain_error() {
    try {
        verify_mappings();
        throw;
    } catch (const Error& error) {
        return error.info();
    } catch (const std::bad_alloc&) {
        return {ErrorKind::out_of_memory, "not enough memory", {}};
    } catch (const std::filesystem::filesystem_error& problem) {
        const std::string where = problem.path1().empty() ? std::string() : problem.path1().string() + ": ";
        return {ErrorKind::bad_input, where + problem.code().message(), {}};
    } catch (const std::system_error& problem) {
        // What a thread's start says that gets no memory for its stack, or is one too many.
        if (problem.code() == std::errc::resource_unavailable_try_again ||
            problem.code() == std::errc::not_enough_memory)
            return {ErrorKind::out_of_memory,
                    "no thread could be started: memory or the number of processes is limited (ulimit -v, -d, -u); "
                    "raise the limit, or set OMP_NUM_THREADS to fewer threads",
                    {}};
        return {ErrorKind::internal, problem.what(), {}};
    } catch (const std::exception& problem) {
        return {ErrorKind::internal, problem.what(), {}};
    } catch (...) {
        return {ErrorKind::internal, "an exception of a type that this program does not know", {}};
    }
}

} // namespace graticule
