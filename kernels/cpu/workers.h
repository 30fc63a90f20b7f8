// Threads that wait for work: started when they are first wanted, kept until the program ends. A product of 0.3 ms takes
// them where starting one, 0.03 ms, would not pay.
#pragma once

#include <functional>

namespace graticule::cpu {

/// Calls `work` on this thread and, as far as they are free, on up to `helpers` others at the same time; returns when all
/// that began are done. `work` throws nothing and takes its share from what is left to do, so that any number of callers
/// will do: this thread alone does all of it where others work for somebody else or where the system has no more threads.
/// May be called by several threads at once, and by `work` itself.
void work_together(int helpers, const std::function<void()>& work);

} // namespace graticule::cpu
