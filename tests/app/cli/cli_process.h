// Runs graticule-cli as a person does, and keeps what came out.
#pragma once

#include <QDir>
#include <QProcess>
#include <QProcessEnvironment>
#include <QStringList>
#include <QTest>
#include <nlohmann/json.hpp>
#include <signal.h>

namespace graticule::testing {

struct Outcome {
    int code = -1;
    QByteArray out, err;
    [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out.begin(), out.end()); }
};

inline QString cli_program() { return QStringLiteral(GRATICULE_BUILD_DIR "/bin/graticule-cli"); }

inline Outcome collect(QProcess& process) {
    if (!process.waitForFinished(300'000)) {
        process.kill();
        process.waitForFinished();
        return {-2, process.readAllStandardOutput(), process.readAllStandardError()};
    }
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -3, process.readAllStandardOutput(),
            process.readAllStandardError()};
}

inline Outcome run_cli(const QStringList& words) {
    QProcess process;
    process.start(cli_program(), words);
    return collect(process);
}

/// Ctrl+C, or another signal, as soon as stderr shows `when`.
inline Outcome interrupt_cli(const QStringList& words, const QByteArray& when, int signal = SIGINT) {
    QProcess process;
    process.setReadChannel(QProcess::StandardError);
    process.start(cli_program(), words);
    QByteArray err;
    while (!err.contains(when) && process.state() != QProcess::NotRunning && process.waitForReadyRead(60'000))
        err += process.readAllStandardError();
    if (process.state() != QProcess::NotRunning) ::kill(static_cast<pid_t>(process.processId()), signal);
    Outcome outcome = collect(process);
    outcome.err.prepend(err);
    return outcome;
}

inline QStringList entries(const QString& folder) {
    return QDir(folder).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot, QDir::Name);
}

} // namespace graticule::testing
