// Where a job stands, and the run that waits for it: the one list for the runner and every table.
#pragma once

namespace graticule {

enum class JobState { waiting, running, done, cancelled, failed, skipped };

} // namespace graticule
