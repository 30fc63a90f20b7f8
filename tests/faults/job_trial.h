// A job of graticule-cli on files of its own, run under faults: what lies at its output before, what it writes when
// nothing fails, and the one thing that must hold whatever happens: the old output whole or the new one whole, an exit
// code of the contract, and nothing left beside it that is not swept at the next start.
#pragma once

#include <QtCore/QProcess>
#include <QtCore/QProcessEnvironment>
#include <QtCore/QStringList>
#include <QtCore/QTemporaryDir>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace graticule::faults {

/// Content by path relative to a folder or, of one file, by "".
using Snapshot = std::map<std::string, std::string>;
[[nodiscard]] Snapshot snapshot(const std::filesystem::path& place);

struct Ending {
    int code = -1; ///< -1: by a signal
    int signal = 0;
    QByteArray err;
    double seconds = 0;
    double seconds_after_request = 0;   ///< of a stop
    double processor_after_request = 0; ///< of all its threads, what others had of the machine left out
    long calls = 0;                     ///< of the kind that was to fail
};

struct Files {
    QString model; ///< folder, or a shipped one's name
    QString ids;   ///< what logits reads
    QString out;   ///< what the job writes: a file or a folder
};

/// A command line of graticule-cli.
struct Job {
    const char* name;
    const char* sample; ///< the shipped model it is about
    std::function<QStringList(const Files&)> words;
    bool writes = true; ///< false: it only prints
};

[[nodiscard]] const std::vector<Job>& jobs();

class JobTrial {
public:
    enum class Model { whole, cut }; ///< cut: cut_model.h
    explicit JobTrial(const Job& job, Model model = Model::whole);
    ~JobTrial();

    /// The output as it was before, nothing beside it.
    void reset();
    /// `settings`: "NAME=value" of its environment. `limits` runs in the child before the program does.
    Ending run(const QStringList& settings = {}, const std::function<void()>& limits = {});
    /// Puts a file into the folder that lies at the output, as somebody might.
    void add(const std::string& name, const std::string& text) const;
    /// Of the folder that the output is in, but for the output itself.
    [[nodiscard]] std::vector<std::filesystem::path> beside() const;
    [[nodiscard]] bool output_is_new() const;
    /// Sends `signal` after `delay`.
    Ending run_and_signal(int signal, std::chrono::milliseconds delay);
    /// The same job twice, the second so much later.
    std::pair<Ending, Ending> run_two(std::chrono::milliseconds later);
    /// Where `halting` (as of `run`) stops the process with SIGSTOP, `meanwhile` is done, and then it goes on.
    Ending run_halted(const QStringList& halting, const std::function<void(pid_t)>& meanwhile);
    /// The `at`-th call of a kind (programs/failing_calls.cpp) fails with `error`; 0: they are only counted. Forked
    /// from a process that has loaded graticule-engine once.
    Ending run_and_fail(const char* kind, long at, int error);

    [[nodiscard]] double usual_seconds() const { return usual_seconds_; }
    [[nodiscard]] std::filesystem::path folder() const { return folder_.path().toStdString(); }
    /// Empty, or what is wrong. `killed`: half-written things may lie beside the output under their own names.
    [[nodiscard]] std::string broken(const Ending& ending, bool killed) const;
    [[nodiscard]] std::size_t left_over() const; ///< of killed runs

private:
    [[nodiscard]] QProcessEnvironment environment() const;
    [[nodiscard]] std::filesystem::path out() const { return folder() / "place" / "out"; }
    [[nodiscard]] bool says_that_memory_ran_out(const Snapshot& now, const Ending& ending) const;
    void start(QProcess& process, const QStringList& settings = {}) const;
    Ending finish(QProcess& process, std::chrono::steady_clock::time_point started);

    const Job& job_;
    QTemporaryDir folder_;
    QStringList words_;
    QProcess server_;
    Snapshot old_, new_;
    double usual_seconds_ = 0;
};

/// Whether the long campaign was asked for (ctest label slow): GRATICULE_FULL=1.
[[nodiscard]] bool full();

} // namespace graticule::faults
