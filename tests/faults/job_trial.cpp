#include "tests/faults/job_trial.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <signal.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/export/staged_dir.h"
#include "tests/faults/cut_model.h"

namespace graticule::faults {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

std::string content(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void put(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
}

/// What /proc says of a process from its state on; empty: there is none.
std::istringstream fields_of(pid_t process) {
    const std::string text = content("/proc/" + std::to_string(process) + "/stat");
    return std::istringstream(text.substr(std::min(text.size(), text.rfind(')') + 1)));
}

bool stands_still(pid_t process) {
    std::string state;
    fields_of(process) >> state;
    return state == "T";
}

/// Of a process that runs; 0: there is none.
double processor_seconds(pid_t process) {
    std::istringstream fields = fields_of(process);
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Of all processes that were started here and have ended.
double processor_of_the_ended() {
    rusage used = {};
    ::getrusage(RUSAGE_CHILDREN, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Token ids as the logits command reads them: one row of 16.
std::string ids_file() {
    std::string header = R"({"input_ids":{"dtype":"I64","shape":[1,16],"data_offsets":[0,128]}})";
    header.append((8 - header.size() % 8) % 8, ' ');
    const std::uint64_t length = header.size();
    std::string bytes(reinterpret_cast<const char*>(&length), 8);
    bytes += header;
    for (std::int64_t id = 5; id < 21; ++id) bytes.append(reinterpret_cast<const char*>(&id), 8);
    return bytes;
}

const QString recipe = QStringLiteral("w=int4/sym/channel");
const QStringList brief{"--calib-samples", "1", "--calib-length", "64"};

} // namespace

const std::vector<Job>& jobs() {
    static constexpr const char* opt = "sample-opt";
    static constexpr const char* llama = "sample-llama";
    static const std::vector<Job> all{
        {"csv", opt,
         [](const Files& files) {
             return QStringList{"quantize", files.model, "--recipe", recipe, "--weights-only", "--csv", files.out};
         }},
        {"dequantized", opt,
         [](const Files& files) {
             return QStringList{"quantize",       files.model,     "--recipe", recipe,
                                "--weights-only", "--dequantized", files.out};
         }},
        {"logits", opt,
         [](const Files& files) { return QStringList{"logits", files.model, "--ids", files.ids, "--out", files.out}; }},
        {"export", opt,
         [](const Files& files) {
             return QStringList{"export", files.model, "--recipe", recipe, "--out", files.out} + brief;
         }},
        {"run", opt,
         [](const Files& files) {
             return QStringList{"run",     recipe,     "--model", files.model, "--out",
                                files.out, "--window", "64",      "--windows", "1"} +
                    brief;
         }},
        {"lorc", llama,
         [](const Files& files) {
             return QStringList{"quantize", files.model, "--recipe", recipe + " lorc", "--weights-only"};
         },
         false},
        {"calibrate", llama,
         [](const Files& files) {
             return QStringList{"calibrate", files.model, "--calib-samples", "2", "--calib-length", "128"};
         },
         false},
        {"eval", llama,
         [](const Files& files) { return QStringList{"eval", files.model, "--window", "128", "--windows", "4"}; },
         false},
        {"compare", opt,
         [](const Files& files) {
             return QStringList{"compare", files.model, "--recipe", recipe, "--window", "64", "--windows", "2"};
         },
         false},
        {"slac", opt,
         [](const Files& files) { return QStringList{"slac", files.model, "--lengths", "64,128", "--tokens", "512"}; },
         false},
        {"sensitivity", opt,
         [](const Files& files) {
             return QStringList{"sensitivity", files.model, "--schemes", recipe, "--window", "64", "--windows", "2"};
         },
         false},
        {"search", opt,
         [](const Files& files) {
             return QStringList{"search",       files.model, "--bits",        "5", "--window", "64", "--windows", "2",
                                "--fit-window", "32",        "--fit-windows", "2", "--draws",  "1"};
         },
         false},
        {"generate", llama,
         [](const Files& files) {
             return QStringList{"generate", files.model, "--recipe", recipe, "--prompt", "Once", "--tokens", "32"};
         },
         false},
        {"speed", llama,
         [](const Files& files) { return QStringList{"speed", files.model, "--lengths", "16", "--batch", "1"}; },
         false},
        {"tokenize", opt,
         [](const Files& files) {
             return QStringList{"tokenize", files.model};
         },
         false},
        {"info", opt,
         [](const Files& files) {
             return QStringList{"info", files.model};
         },
         false},
    };
    return all;
}

bool full() { return qEnvironmentVariableIntValue("GRATICULE_FULL") == 1; }

Snapshot snapshot(const fs::path& place) {
    Snapshot found;
    if (fs::is_regular_file(place)) found[""] = content(place);
    if (fs::is_directory(place))
        for (const auto& entry : fs::recursive_directory_iterator(place))
            if (entry.is_regular_file()) found[entry.path().lexically_relative(place).string()] = content(entry.path());
    return found;
}

JobTrial::JobTrial(const Job& job, Model model)
    : job_(job)
    , words_(job.words({model == Model::cut ? folder_.filePath("model") : QString(job.sample),
                        folder_.filePath("ids.safetensors"), QString::fromStdString(out().string())})) {
    put(folder() / "ids.safetensors", ids_file());
    if (model == Model::cut) cut_model(job.sample, folder() / "model");
    fs::create_directory(folder() / "place");
    const Ending ending = run();
    if (ending.code != 0) qFatal("%s ended with %d: %s", job.name, ending.code, ending.err.constData());
    usual_seconds_ = ending.seconds;
    new_ = snapshot(out());
    if (!job.writes)
        old_ = {};
    else if (fs::is_directory(out()))
        old_ = {{provenance_file, R"({"files": ["graticule.json", "model/old"]})"},
                {"model/old", std::string(100'000, 'o')}};
    else
        old_ = {{"", "the old file"}};
}

void JobTrial::reset() {
    fs::remove_all(folder() / "place");
    fs::create_directory(folder() / "place");
    for (const auto& [name, text] : old_) put(name.empty() ? out() : out() / name, text);
}

void JobTrial::add(const std::string& name, const std::string& text) const { put(out() / name, text); }

std::vector<fs::path> JobTrial::beside() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder() / "place"))
        if (entry.path() != out()) all.push_back(entry.path());
    return all;
}

bool JobTrial::output_is_new() const { return snapshot(out()) == new_; }

Ending JobTrial::finish(QProcess& process, Clock::time_point started) {
    Ending ending;
    if (!process.waitForFinished(300'000)) process.kill();
    process.waitForFinished();
    ending.seconds = std::chrono::duration<double>(Clock::now() - started).count();
    ending.err = process.readAllStandardError();
    if (process.exitStatus() == QProcess::NormalExit)
        ending.code = process.exitCode();
    else
        ending.signal = process.exitCode();
    return ending;
}

QProcessEnvironment JobTrial::environment() const {
    QProcessEnvironment variables = QProcessEnvironment::systemEnvironment();
    variables.insert("GOMP_SPINCOUNT", "1000"); // or the program starts itself once more
    variables.insert("XDG_CACHE_HOME", folder_.filePath("cache"));
    return variables;
}

void JobTrial::start(QProcess& process, const QStringList& settings) const {
    QProcessEnvironment variables = environment();
    for (const QString& setting : settings) variables.insert(setting.section('=', 0, 0), setting.section('=', 1));
    process.setProcessEnvironment(variables);
    process.start(QStringLiteral(GRATICULE_BUILD_DIR "/bin/graticule-cli"), words_);
}

Ending JobTrial::run(const QStringList& settings, const std::function<void()>& limits) {
    QProcess process;
    if (limits) process.setChildProcessModifier(limits);
    const auto started = Clock::now();
    start(process, settings);
    return finish(process, started);
}

Ending JobTrial::run_and_signal(int signal, std::chrono::milliseconds delay) {
    QProcess process;
    const auto started = Clock::now();
    start(process);
    process.waitForStarted();
    process.waitForFinished(static_cast<int>(delay.count()));
    const auto asked = Clock::now();
    const auto id = static_cast<pid_t>(process.processId());
    const double before = processor_seconds(id) + processor_of_the_ended();
    if (process.state() != QProcess::NotRunning) ::kill(id, signal);
    Ending ending = finish(process, started);
    ending.processor_after_request = processor_of_the_ended() - before;
    ending.seconds_after_request = std::chrono::duration<double>(Clock::now() - asked).count();
    return ending;
}

std::pair<Ending, Ending> JobTrial::run_two(std::chrono::milliseconds later) {
    QProcess one, two;
    const auto started = Clock::now();
    for (QProcess* process : {&one, &two}) {
        start(*process);
        process->waitForStarted();
        if (process == &one) std::this_thread::sleep_for(later);
    }
    Ending first = finish(one, started);
    return {std::move(first), finish(two, started)};
}

Ending JobTrial::run_halted(const QStringList& halting, const std::function<void(pid_t)>& meanwhile) {
    QProcess process;
    const auto started = Clock::now();
    start(process, halting);
    process.waitForStarted();
    const auto id = static_cast<pid_t>(process.processId());
    while (!stands_still(id))
        if (process.waitForFinished(5)) return finish(process, started); // it makes no such call
    meanwhile(id);
    ::kill(id, SIGCONT);
    return finish(process, started);
}

Ending JobTrial::run_and_fail(const char* kind, long at, int error) {
    const QString errors = folder_.filePath("errors");
    if (server_.state() == QProcess::NotRunning) {
        QProcessEnvironment variables = environment();
        variables.insert("LD_PRELOAD", QStringLiteral(GRATICULE_FAILING_CALLS));
        variables.insert("FAULT_SERVER", errors);
        server_.setProcessEnvironment(variables);
        server_.start(QStringLiteral(GRATICULE_BUILD_DIR "/bin/graticule-engine"), words_);
    }
    const auto started = Clock::now();
    server_.write(QStringLiteral("%1 %2 %3\n").arg(kind).arg(at).arg(error).toLatin1());
    while (!server_.canReadLine())
        if (!server_.waitForReadyRead(300'000)) qFatal("no answer: %s", qPrintable(server_.errorString()));
    const QList<QByteArray> answer = server_.readLine().trimmed().split(' ');
    const int status = answer.front().toInt();
    Ending ending;
    if (WIFEXITED(status))
        ending.code = WEXITSTATUS(status);
    else
        ending.signal = WTERMSIG(status);
    ending.calls = answer.back().toLong();
    ending.err = QByteArray::fromStdString(content(errors.toStdString()));
    ending.seconds = std::chrono::duration<double>(Clock::now() - started).count();
    return ending;
}

JobTrial::~JobTrial() {
    server_.closeWriteChannel();
    server_.waitForFinished();
}

/// Fewer tokens a product are another order of adding: the report of such a run says so, and all files are there.
bool JobTrial::says_that_memory_ran_out(const Snapshot& now, const Ending& ending) const {
    const auto report = now.find("report.md");
    return ending.err.contains("tokens per product, so the last digits") && report != now.end() &&
           report->second.find("; memory ran out: ") != std::string::npos &&
           std::ranges::equal(now, new_, {}, &Snapshot::value_type::first, &Snapshot::value_type::first);
}

std::size_t JobTrial::left_over() const { return beside().size(); }

std::string JobTrial::broken(const Ending& ending, bool killed) const {
    static const std::set<int> contract{0, 2, 3, 4, 5, 130};
    if (!killed && !contract.contains(ending.code))
        return "exit code " + std::to_string(ending.code) + ", signal " + std::to_string(ending.signal) + ": " +
               ending.err.toStdString();
    const Snapshot now = snapshot(out());
    if (ending.code == 0 && now != new_) {
        if (!says_that_memory_ran_out(now, ending)) return "it ended well and the output is not the new one";
    } else if (now != old_ && now != new_) {
        return "the output is neither the old nor the new one";
    }
    for (const auto& entry : fs::directory_iterator(folder() / "place")) {
        const std::string name = entry.path().filename().string();
        if (name != "out" && !(killed && name.find(".graticule-") != std::string::npos))
            return name + " lies beside the output: " + ending.err.toStdString();
    }
    return {};
}

} // namespace graticule::faults
