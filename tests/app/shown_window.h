// A main window that is shown and asks nothing, with settings, and so a journal of runs, of its own.
#pragma once

#include <QtCore/QSettings>
#include <memory>

#include "app/window/main_window.h"

namespace graticule::testing {

struct ShownWindow {
    std::unique_ptr<QSettings> settings; // outlive the window
    std::unique_ptr<MainWindow> window;
};

inline ShownWindow show_window(const QString& settings_file) {
    ShownWindow shown;
    shown.settings = std::make_unique<QSettings>(settings_file, QSettings::IniFormat);
    shown.window = std::make_unique<MainWindow>(*shown.settings, theme::Mode::dark);
    shown.window->setAsking(false);
    shown.window->show();
    return shown;
}

} // namespace graticule::testing
