// One window's share of a journal, as a program of its own: journal_job FOLDER NAME COUNT keeps COUNT finished runs,
// one after another, in the journal of a model in FOLDER and in a session file beside it. Exit code 3 for an Error, as
// the command line's.
#include <QtCore/QString>
#include <cstdio>
#include <cstdlib>

#include "app/session/run_journal.h"
#include "app/session/session_file.h"
#include "core/runtime/torch_error.h"
#include "tests/faults/journal_job.h"

using namespace graticule;

int main(int argc, char** argv) {
    if (argc != 4) return exit_code(ErrorKind::usage);
    const QString folder = QString::fromLocal8Bit(argv[1]);
    try {
        const RunJournal journal(folder);
        std::vector<Run> runs;
        for (int i = 0; i < std::atoi(argv[3]); ++i) {
            runs.push_back(faults::finished_run(argv[2], i));
            journal.keep(faults::journal_model, runs);
            SessionFile session;
            session.model = faults::journal_model;
            session.runs = runs;
            write_session(folder + QStringLiteral("/saved.graticule"), session);
        }
        return 0;
    } catch (...) {
        const ErrorInfo error = current_error();
        std::fprintf(stderr, "error: %s\n", error.text().c_str());
        return exit_code(error.kind);
    }
}
