#include <array>
#include <fstream>
#include <vector>

#include "app/session/run_journal.h"
#include "app/session/session_file.h"
#include "core/base/error.h"
#include "tests/faults/journal_job.h"
#include "tests/fuzz/structured/json_mutator.h"
#include "tests/fuzz/structured/targets.h"

namespace graticule::fuzz {
namespace {

namespace fs = std::filesystem;

Json content(const QString& file) {
    std::ifstream in(file.toStdString(), std::ios::binary);
    return Json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
}

/// Changes what lies in `file` and reads it again.
template <class Read>
bool change_and_read(Json document, const QString& file, Decisions& decide, Read read) {
    do {
        decide.mildly() ? mutate_mildly(document, decide) : mutate(document, decide);
    } while (decide.one_in(3) && !decide.used_up());
    std::ofstream(file.toStdString(), std::ios::binary) << written(document, decide);
    try {
        read();
        return true;
    } catch (const Error& error) {
        if (error.info().kind == ErrorKind::internal) throw;
        return false;
    }
}

std::vector<Run> some_runs() {
    std::vector<Run> runs{faults::finished_run("fuzz", 0), faults::finished_run("fuzz", 1)};
    runs[1].full_precision = false;
    runs[1].recipe.defaults = parse_scheme_line("w=int4/asym/g128 a=int8/sym/token smoothquant:alpha=0.5");
    return runs;
}

bool run_session(Decisions& decide, const fs::path& scratch) {
    const QString file = QString::fromStdString((scratch / "fuzz.graticule").string());
    thread_local const Json seed = [&] {
        SessionFile session;
        session.model = faults::journal_model;
        session.runs = some_runs();
        session.baseline = 0;
        session.selection = {"layers.0.fc1"};
        write_session(file, session);
        (void)read_session(file); // or no change of it would get anywhere
        return content(file);
    }();
    return change_and_read(seed, file, decide, [&] { (void)read_session(file); });
}

bool run_journal(Decisions& decide, const fs::path& scratch) {
    const RunJournal journal(QString::fromStdString((scratch / "journal").string()));
    const QString file = journal.file(faults::journal_model);
    thread_local const Json seed = [&] {
        journal.keep(faults::journal_model, some_runs());
        (void)journal.read(faults::journal_model);
        return content(file);
    }();
    return change_and_read(seed, file, decide, [&] { (void)journal.read(faults::journal_model); });
}

} // namespace

std::span<const Target> window_targets() {
    static constexpr std::array rows{Target{"session", run_session}, Target{"journal", run_journal}};
    return rows;
}

} // namespace graticule::fuzz
