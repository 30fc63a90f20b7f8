#include "app/session/session_file.h"

#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "app/session/layers_json.h"
#include "app/session/run_json.h"
#include "core/base/error.h"

namespace graticule {

namespace {
using nlohmann::json;

constexpr int schema = 1;
constexpr const char* kind = "graticule session";

QString text_of(const json& value) { return QString::fromStdString(value.get<std::string>()); }
std::string packed(const QByteArray& bytes) { return bytes.toBase64().toStdString(); }
QByteArray unpacked(const json& value) {
    return QByteArray::fromBase64(QByteArray::fromStdString(value.get<std::string>()));
}

json names_to_json(const QStringList& names) {
    json list = json::array();
    for (const QString& name : names) list.push_back(name.toStdString());
    return list;
}

QStringList names_from_json(const json& value) {
    QStringList names;
    for (const json& name : value) names << text_of(name);
    return names;
}

json view_to_json(const SessionView& view) {
    json bookmarks = json::array();
    for (const Place& place : view.bookmarks)
        bookmarks.push_back({{"layers", names_to_json(place.layers)}, {"plot", place.plot}});
    return {{"bookmarks", bookmarks},
            {"geometry", packed(view.geometry)},
            {"layout", packed(view.layout)},
            {"drawn_borders", view.drawn_borders},
            {"plot", view.plot},
            {"filter", view.filter.toStdString()},
            {"sort_column", view.sort_column},
            {"descending", view.descending}};
}

SessionView view_from_json(const json& value) {
    SessionView view;
    view.geometry = unpacked(value.at("geometry"));
    view.layout = unpacked(value.at("layout"));
    if (const auto drawn = value.find("drawn_borders"); drawn != value.end()) drawn->get_to(view.drawn_borders);
    value.at("plot").get_to(view.plot);
    view.filter = text_of(value.at("filter"));
    value.at("sort_column").get_to(view.sort_column);
    value.at("descending").get_to(view.descending);
    if (const auto bookmarks = value.find("bookmarks"); bookmarks != value.end())
        for (const json& place : *bookmarks)
            view.bookmarks.push_back({names_from_json(place.at("layers")), place.at("plot").get<int>()});
    return view;
}

SessionFile from_json(const json& document) {
    SessionFile file;
    const json& model = document.at("model");
    file.model = text_of(model.at("path"));
    file.beside = text_of(model.at("beside"));
    document.at("calibrated").get_to(file.calibrated);
    file.recipe = parse_recipe(document.at("recipe").dump());
    if (const auto text = document.find("recipe_text"); text != document.end()) file.recipe_text = text_of(*text);
    if (const auto steps = document.find("history"); steps != document.end()) {
        for (const json& step : *steps)
            file.history.push_back(
                {text_of(step.at("name")), parse_recipe(step.at("recipe").dump()), step.at("text").get<std::string>()});
        document.at("history_at").get_to(file.history_at);
        if (file.history_at >= std::max<std::size_t>(file.history.size(), 1)) // none: none was kept
            throw Error(ErrorKind::bad_input, "step " + std::to_string(file.history_at) + " is none of its " +
                                                  std::to_string(file.history.size()) + " steps of the recipe");
    }
    file.reference = parse_recipe(document.at("reference").dump());
    const json& evaluation = document.at("evaluation");
    file.evaluation.text = text_of(evaluation.at("text"));
    evaluation.at("window").get_to(file.evaluation.window);
    evaluation.at("windows").get_to(file.evaluation.windows);
    read_runs_of(document, file.runs);
    read_layers_of(document, file.runs);
    std::ranges::copy_if(file.runs, std::back_inserter(file.stopped), [](const Run& run) { return !run.finished(); });
    std::erase_if(file.runs, [](const Run& run) { return !run.finished(); }); // only asked for
    if (const auto stopped = document.find("stopped"); stopped != document.end())
        for (const json& run : *stopped) file.stopped.push_back(run_from_json(run));
    document.at("baseline").get_to(file.baseline);
    if (file.baseline < -1 || file.baseline >= static_cast<int>(file.runs.size()))
        throw Error(ErrorKind::bad_input, "baseline " + std::to_string(file.baseline) + " is none of its " +
                                              std::to_string(file.runs.size()) + " runs");
    file.decisions = decisions_from_json(document); // absent in files of older versions
    file.selection = names_from_json(document.at("selection"));
    if (const auto notes = document.find("notes"); notes != document.end()) file.notes = text_of(*notes);
    if (const auto saved = document.find("saved_as"); saved != document.end()) file.saved_as = text_of(*saved);
    if (const auto changed = document.find("changed"); changed != document.end())
        file.changed = QDateTime::fromString(text_of(*changed), Qt::ISODateWithMs).toLocalTime();
    file.view = view_from_json(document.at("view"));
    return file;
}
} // namespace

std::size_t write_session(const QString& path, SessionFile file) {
    file.beside =
        QFileInfo(file.model).isAbsolute() ? QFileInfo(path).absoluteDir().relativeFilePath(file.model) : QString();
    std::vector<const Run*> runs;
    for (const Run& run : file.runs) runs.push_back(&run);
    json stopped = json::array();
    for (const Run& run : file.stopped)
        if (run.hasWindows())
            stopped.push_back(run_to_json(run));
        else
            runs.push_back(&run);
    json steps = json::array();
    for (const RecipeHistory::Step& step : file.history)
        steps.push_back(
            {{"name", step.name.toStdString()}, {"recipe", json::parse(to_json(step.recipe))}, {"text", step.text}});
    json document = {{"kind", kind},
                     {"schema", schema},
                     {"program", GRATICULE_VERSION},
                     {"model", {{"path", file.model.toStdString()}, {"beside", file.beside.toStdString()}}},
                     {"calibrated", file.calibrated},
                     {"recipe", json::parse(to_json(file.recipe))},
                     {"recipe_text", file.recipe_text.toStdString()},
                     {"history", steps},
                     {"history_at", file.history_at},
                     {"reference", json::parse(to_json(file.reference))},
                     {"evaluation",
                      {{"text", file.evaluation.text.toStdString()},
                       {"window", file.evaluation.window},
                       {"windows", file.evaluation.windows}}},
                     {"stopped", stopped},
                     {"baseline", file.baseline},
                     {"selection", names_to_json(file.selection)},
                     {"notes", file.notes.toStdString()},
                     {"view", view_to_json(file.view)}};
    if (!file.saved_as.isEmpty()) document["saved_as"] = file.saved_as.toStdString();
    if (file.changed.isValid()) document["changed"] = file.changed.toUTC().toString(Qt::ISODateWithMs).toStdString();
    write_runs_to(document, runs);
    decisions_to_json(file.decisions, document);
    const std::size_t left_out = write_layers_to(document, file.runs);
    write_run_file(path, document);
    return left_out;
}

SessionFile read_session(const QString& path) {
    const std::string name = path.toStdString();
    const json document = read_json_file(name, run_file_limits);
    if (!document.is_object() || document.value("kind", json()) != json(kind))
        throw Error(ErrorKind::bad_input, name + " is no session of Graticule (it has no \"kind\": \"" + kind + "\")");
    if (document.value("schema", json()) != json(schema))
        throw Error(ErrorKind::bad_input, name + " has schema " + document.value("schema", json()).dump() +
                                              "; this program reads schema " + std::to_string(schema));
    SessionFile file;
    try {
        file = from_json(document);
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, name + " is damaged: " + problem.what());
    } catch (const Error& problem) {
        throw Error(ErrorKind::bad_input, name + ": " + problem.info().message);
    }
    // Both may have moved together.
    const QString beside = QFileInfo(path).absoluteDir().absoluteFilePath(file.beside);
    if (QFileInfo(file.model).isAbsolute() && !QFileInfo::exists(file.model) && !file.beside.isEmpty() &&
        QFileInfo::exists(beside))
        file.model = QDir::cleanPath(beside);
    return file;
}

} // namespace graticule
