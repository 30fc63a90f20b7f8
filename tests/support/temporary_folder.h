// A folder for the files a test makes, removed with the object; and a check for the error a call must end in.
#pragma once

#include <QTemporaryDir>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace graticule::testing {

class TemporaryFolder {
public:
    [[nodiscard]] std::filesystem::path path() const { return folder_.path().toStdString(); }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path() / name; }

    std::filesystem::path write(const std::string& name, std::string_view bytes) const {
        const std::filesystem::path file = path() / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return file;
    }

private:
    QTemporaryDir folder_;
};

/// Empty when `call` throws Error of `kind` whose message holds `part`; else what happened instead.
template <class Call>
std::string expect_error(ErrorKind kind, std::string_view part, Call call) {
    try {
        call();
    } catch (const Error& error) {
        if (error.info().kind != kind) return "another kind of error: " + error.info().text();
        if (error.info().text().find(part) == std::string::npos)
            return "the message does not say \"" + std::string(part) + "\": " + error.info().text();
        return {};
    }
    return "no error";
}

} // namespace graticule::testing

#define GRATICULE_EXPECT_ERROR(kind, part, ...)                                                                        \
    do {                                                                                                               \
        const std::string what_happened =                                                                              \
            ::graticule::testing::expect_error(kind, part, [&] { (void)(__VA_ARGS__); });                              \
        QVERIFY2(what_happened.empty(), what_happened.c_str());                                                        \
    } while (false)
