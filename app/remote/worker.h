// The worker: answers what it is asked on one stream and sends on the other (messages.h). It computes nothing itself:
// jobs have processes of their own, and one that is followed is a file that grows.
#pragma once

#include <filesystem>

#include "core/base/job_context.h"

namespace graticule {

/// Until `in` ends; the jobs go on. `store`: where they are kept. What is wrong with a line is answered, but for one
/// that is too long: Error{bad_input}. Throws Cancelled when a stop of the worker is asked for.
void serve_jobs(int in, int out, const std::filesystem::path& store, JobContext& ctx);

} // namespace graticule
