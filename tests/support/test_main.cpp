#include "tests/support/test_main.h"

#include <QtTest/QTest>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <memory>
#include <vector>

#ifdef QT_WIDGETS_LIB
#include <QtWidgets/QApplication>
using Application = QApplication;
#else
#include <QtCore/QCoreApplication>
using Application = QCoreApplication;
#endif

namespace graticule::testing {
std::vector<Factory>& test_classes() {
    static std::vector<Factory> classes;
    return classes;
}
} // namespace graticule::testing

namespace {

bool has_function(const QObject& test, const char* word) {
    return test.metaObject()->indexOfMethod(QByteArray(word).split(':').front() + "()") >= 0;
}

/// The options, and of the functions asked for ("name" or "name:row") those that the class has.
std::vector<char*> arguments_for(const QObject& test, const std::vector<char*>& all) {
    std::vector<char*> kept{all.front()};
    std::copy_if(all.begin() + 1, all.end(), std::back_inserter(kept),
                 [&](const char* word) { return word[0] == '-' || has_function(test, word); });
    return kept;
}

bool names_a_function(const std::vector<char*>& arguments) {
    return std::any_of(arguments.begin() + 1, arguments.end(), [](const char* word) { return word[0] != '-'; });
}

} // namespace

#ifdef __SANITIZE_ADDRESS__
// Tests ask for more memory than there is, to see what is said then: that has to fail as an allocation does.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif

// Runs every registered class; with arguments, Qt Test's own (a function's name runs only in the classes that have it).
int main(int argc, char** argv) {
    qputenv("QTEST_DISABLE_STACK_DUMP", "1"); // a debugger on a hung test takes minutes and says little
    std::signal(SIGINT, SIG_DFL); // ignored in the background of a shell, and so in all programs started from here
    Application application(argc, argv);
    // A crash is for the system to report: Qt Test's handler can say "Received signal 11" without end.
    std::vector<char*> arguments(argv, argv + argc);
    arguments.push_back(const_cast<char*>("-nocrashhandler"));
    std::vector<const char*> unknown; // a filter that matches nothing would pass whatever became of its test
    std::copy_if(arguments.begin() + 1, arguments.end(), std::back_inserter(unknown),
                 [](const char* word) { return word[0] != '-'; });
    int failed = 0;
    for (const auto& factory : graticule::testing::test_classes()) {
        const std::unique_ptr<QObject> test = factory();
        std::erase_if(unknown, [&](const char* word) { return has_function(*test, word); });
        std::vector<char*> own = arguments_for(*test, arguments);
        if (names_a_function(arguments) && !names_a_function(own)) continue;
        failed += QTest::qExec(test.get(), static_cast<int>(own.size()), own.data());
    }
    for (const char* word : unknown) std::fprintf(stderr, "no test is called %s; -functions lists them\n", word);
    return failed == 0 && unknown.empty() ? 0 : 1;
}
