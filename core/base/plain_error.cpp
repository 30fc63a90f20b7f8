#include "core/base/plain_error.h"

#include <filesystem>
#include <new>

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
    } catch (const std::exception& problem) {
        return {ErrorKind::internal, problem.what(), {}};
    } catch (...) {
        return {ErrorKind::internal, "an exception of a type that this program does not know", {}};
    }
}

} // namespace graticule
