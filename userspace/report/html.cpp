// One file for a browser, without any network: report/html/page.* with the report as data in it. What comes from the target is in
// the data only, in which no "<" is left; the script puts it into the page as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "analyze/headline.h"
#include "base/human.h"
#include "base/printable.h"
#include "report/flat_stacks.h"
#include "report/formats.h"
#include "report/html_page.h"
#include "report/suppressed_words.h"

namespace whoholds {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(); }
Json pair_of(const Amount& amount) { return {amount.count, amount.bytes}; }
Json pair_of(const std::optional<Rate>& rate) {
    if (!rate) return {};
    return {number(rate->count), number(rate->bytes)};
}

Json forecast_of(const std::optional<Forecast>& forecast) {
    if (!forecast) return {};
    return {{"limit", forecast->limit},
            {"in_s", number(forecast->in_s)},
            {"low_s", number(forecast->low_s)},
            {"high_s", number(forecast->high_s)}};
}

Json texts_of(const std::vector<std::string>& texts) {
    Json list = Json::array();
    for (const std::string& text : texts) list.push_back(printable(text));
    return list;
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

Json finding_of(const Finding& finding) {
    Json parts = Json::array();
    for (const FindingPart& part : finding.parts)
        parts.push_back({{"title", printable(part.title)}, {"count", part.held.count}, {"bytes", part.held.bytes}});
    const std::string line = finding.line > 0 ? fmt::format(":{}", finding.line) : "";
    return {{"verdict", printable(finding.verdict)},
            {"headline", printable(finding.headline)},
            {"place", finding.file.empty() ? "" : printable(finding.file) + line},
            {"reason", printable(finding.reason)},
            {"evidence", texts_of(finding.evidence)},
            {"parts", parts},
            {"forecast", forecast_of(finding.forecast)},
            {"interim", printable(finding.interim)}};
}

Json kind_of(const KindReport& kind) {
    return {{"kind", printable(kind.kind)},
            {"title", printable(kind.title.empty() ? kind.kind : kind.title)},
            {"has_bytes", has_bytes(kind)},
            {"held", pair_of(kind.held)},
            {"acquired", pair_of(kind.acquired)},
            {"released", pair_of(kind.released)},
            {"lost", kind.lost.count},
            {"oldest_s", number(kind.oldest_s)},
            {"growth", pair_of(kind.growth_per_min)},
            {"note", printable(kind.note)}};
}

// Frames and texts are in tables: ten thousand stacks have the same few thousand of them.
class HtmlData {
public:
    explicit HtmlData(const Report& report) : report_(report) {}

    Json data() {
        Json processes = Json::array();
        const std::vector<FlatStack> rows = flat_stacks(report_);
        for (const ProcessReport& process : report_.processes) processes.push_back(process_of(process, rows));
        return {{"time", report_.time},
                {"attached_s", number(report_.attached_s)},
                {"end_reason", printable(report_.end_reason)},
                {"selection", printable(report_.selection)},
                {"processes", processes},
                {"coverage", coverage()},
                {"frames", frames_},
                {"texts", texts_}};
    }

private:
    size_t text_id(const std::string& text) {
        const auto [found, is_new] = text_ids_.try_emplace(printable(text), texts_.size());
        if (is_new) texts_.push_back(found->first);
        return found->second;
    }

    static bool is_own(const Frame& frame, const ProcessReport& process) {
        if (frame.go != GoOrigin::kNotGo) return is_own_go_code(frame);
        if (frame.script != ScriptOrigin::kNone) return frame.script == ScriptOrigin::kUser;
        return frame.module == process.exe && !frame.function.empty() && !frame.function.starts_with("std::") &&
               !is_allocator_wrapper(frame.function);
    }

    size_t frame_id(const Frame& frame, const ProcessReport& process) {
        const std::tuple key{text_id(frame_name(frame)), text_id(frame.file), std::max(frame.line, 0),
                             text_id(std::string(base_name(frame.module))), is_own(frame, process) ? 1 : 0};
        const auto [found, is_new] = frame_ids_.try_emplace(key, frames_.size());
        if (is_new)
            frames_.push_back(
                {std::get<0>(key), std::get<1>(key), std::get<2>(key), std::get<3>(key), std::get<4>(key)});
        return found->second;
    }

    Json stack_of(const FlatStack& row) {
        Json frames = Json::array();
        Json json = {{"kind", row.kind - row.process->kinds.data()},
                     {"held", pair_of(row.held)},
                     {"acquired", pair_of(row.acquired)}};
        if (!row.place.empty()) {
            json["place"] = row.place;
        } else {
            for (const Frame& frame : row.stack->frames) frames.push_back(frame_id(frame, *row.process));
            json["headline"] = printable(row.stack->headline);
            json["complete"] = row.stack->complete;
            if (!row.stack->complete) json["why_incomplete"] = printable(row.stack->why_incomplete);
        }
        if (row.stack != nullptr && row.stack->growth_per_min) json["growth"] = pair_of(row.stack->growth_per_min);
        json["frames"] = frames;
        return json;
    }

    static std::string about(const ProcessReport& process) {
        std::vector<std::string> parts;
        if (!process.exe.empty()) parts.push_back(printable(process.exe));
        if (process.runtime != "native") parts.push_back(printable(process.runtime + ' ' + process.runtime_version));
        if (process.container && !process.container->pod.empty())
            parts.push_back("pod " + printable(process.container->pod_namespace + '/' + process.container->pod));
        if (std::isfinite(process.uptime_s)) parts.push_back("up " + human_age(process.uptime_s));
        if (process.exited) parts.emplace_back("exited");
        return fmt::format("{}", fmt::join(parts, " · "));
    }

    Json process_of(const ProcessReport& process, const std::vector<FlatStack>& rows) {
        Json findings = Json::array(), kinds = Json::array(), stacks = Json::array(), series = Json::array();
        for (const Finding& finding : process.findings) findings.push_back(finding_of(finding));
        for (const KindReport& kind : process.kinds) kinds.push_back(kind_of(kind));
        for (const FlatStack& row : rows) {
            if (row.process == &process) stacks.push_back(stack_of(row));
        }
        for (const MetricSeries& one : process.series) {
            Json times = Json::array(), values = Json::array();
            for (const double time : one.times_s) times.push_back(number(time));
            for (const double value : one.values) values.push_back(number(value));
            series.push_back({{"name", printable(one.name)}, {"times_s", times}, {"values", values}});
        }
        const bool is_read = process.memory.rss_bytes != 0 || process.memory.virtual_bytes != 0;
        return {{"pid", process.pid},
                {"command", printable(process.command)},
                {"about", about(process)},
                {"rss_bytes", is_read ? Json(process.memory.rss_bytes) : Json()},
                {"rss_growth", number(process.rss_growth_bytes_per_min)},
                {"limit_bytes", process.memory.limit_bytes ? Json(*process.memory.limit_bytes) : Json()},
                {"forecast", forecast_of(process.memory_forecast)},
                {"why_no_verdict", printable(process.why_no_verdict)},
                {"findings", findings},
                {"kinds", kinds},
                {"stacks", stacks},
                {"series", series}};
    }

    [[nodiscard]] Json coverage() const {
        const Coverage& coverage = report_.coverage;
        Json losses = Json::array(), skipped = Json::array();
        for (const LossCounter& loss : coverage.losses)
            losses.push_back(fmt::format("{} {}", exact_count(loss.value), printable(loss.sentence)));
        for (const SkippedReport& one : coverage.skipped) skipped.push_back(printable(one.what + ": " + one.why));
        std::vector<std::string> notes = coverage.notes;
        if (report_.suppressed) notes.push_back("suppressed: " + suppressed_words(*report_.suppressed));
        std::vector<std::string> warnings = report_.reasons;
        warnings.insert(warnings.end(), coverage.warnings.begin(), coverage.warnings.end());
        return {{"events_seen", coverage.events_seen},
                {"events_lost", coverage.events_lost},
                {"stacks_complete", coverage.stacks_complete},
                {"stacks_incomplete", coverage.stacks_incomplete},
                {"probes", coverage.probes.size()},
                {"cost_core_percent", number(coverage.cost_core_percent)},
                {"losses", losses},
                {"skipped", skipped},
                {"notes", texts_of(notes)},
                {"warnings", texts_of(warnings)}};
    }

    const Report& report_;
    Json frames_ = Json::array();
    std::vector<std::string> texts_;
    std::map<std::string, size_t> text_ids_;
    std::map<std::tuple<size_t, size_t, int, size_t, int>, size_t> frame_ids_;
};

// For what stands between tags; in JSON an escape means the same character.
std::string without_markup(const std::string& text, std::string_view less, std::string_view ampersand) {
    std::string safe;
    for (const char c : text) {
        if (c == '<')
            safe += less;
        else if (c == '&')
            safe += ampersand;
        else
            safe += c;
    }
    return safe;
}

std::string title_of(const Report& report) {
    if (report.processes.empty()) return "whoholds";
    return "whoholds: " + without_markup(printable(report.processes.front().command), "&lt;", "&amp;");
}

// The parts are put in at once, so that none of them is looked at for the names of others.
std::string fill(std::string_view page, const std::map<std::string_view, std::string>& parts) {
    std::string text;
    while (!page.empty()) {
        size_t nearest = page.size();
        std::pair<std::string_view, const std::string*> part{"", nullptr};
        for (const auto& [name, content] : parts) {
            const size_t at = page.find(name);
            if (at >= nearest) continue;
            nearest = at;
            part = {name, &content};
        }
        text += page.substr(0, nearest);
        if (part.second != nullptr) text += *part.second;
        page.remove_prefix(nearest + part.first.size());
    }
    return text;
}

}  // namespace

std::string write_html(const Report& report, const FormatOptions& /*options*/) {
    const std::string data = HtmlData(report).data().dump(-1, ' ', false, Json::error_handler_t::replace);
    return fill(kHtmlPage, {{"WHOHOLDS_TITLE", title_of(report)},
                            {"WHOHOLDS_STYLE", std::string(kHtmlStyle)},
                            {"WHOHOLDS_DATA", without_markup(data, "\\u003c", "\\u0026")},
                            {"WHOHOLDS_SCRIPT", std::string(kHtmlScript)}});
}

}  // namespace whoholds
