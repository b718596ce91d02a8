#include "publish/push_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "report/formats.h"

namespace whoholds {
namespace {

using Json = nlohmann::ordered_json;

struct Path {
    std::string_view ending;
    PushTarget::Contract contract;
};
constexpr Path kPaths[] = {{"/push.v1.PusherService/Push", PushTarget::Contract::kPyroscopePush},
                           {"/ingest", PushTarget::Contract::kPyroscopeIngest},
                           {"/profiles/writeraw", PushTarget::Contract::kParca}};

std::string percent_encoded(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_')
            encoded += c;
        else
            encoded += fmt::format("%{:02X}", byte);
    }
    return encoded;
}

Json label(std::string_view name, const std::string& value) { return {{"name", name}, {"value", value}}; }

std::vector<Json> labels_of(const ProcessReport& process) {
    const std::string name = printable(process.command);
    return {label("__name__", "memory"), label("service_name", name.empty() ? "unknown" : name),
            label("pid", fmt::format("{}", process.pid)), label("agent", "whoholds")};
}

// In a name of Pyroscope these end a label.
std::string ingest_name(const ProcessReport& process) {
    std::string name = printable(process.command);
    for (char& c : name) {
        if (c == '{' || c == '}' || c == ',' || c == '=') c = '_';
    }
    return fmt::format("{}{{pid={}}}", name.empty() ? "unknown" : name, process.pid);
}

int64_t unix_now_s() {
    using namespace std::chrono;
    return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string base64(std::string_view data) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((data.size() + 2) / 3 * 4);
    for (size_t at = 0; at < data.size(); at += 3) {
        uint32_t bits = 0;
        const size_t count = std::min<size_t>(3, data.size() - at);
        for (size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < count ? static_cast<uint8_t>(data[at + i]) : 0U);
        for (size_t i = 0; i < 4; ++i) text += i <= count ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

Result<PushTarget> parse_push_url(std::string_view url) {
    const std::string shown = '"' + printable(url) + '"';
    if (url.starts_with("https://"))
        return Error{ErrorCode::kInvalidArgument,
                     shown + ": only http:// is spoken here; let a proxy or an agent beside it do the encryption"};
    constexpr std::string_view kScheme = "http://";
    const Error error{ErrorCode::kInvalidArgument, shown + " is no URL to push to: give http://HOST:PORT"};
    if (!url.starts_with(kScheme) || printable(url) != url || url.find(' ') != std::string_view::npos) return error;
    url.remove_prefix(kScheme.size());
    PushTarget target;
    const size_t slash = std::min(url.find('/'), url.size());
    std::string_view host = url.substr(0, slash);
    target.path = url.substr(slash);
    const size_t colon = host.rfind(':');
    if (colon != std::string_view::npos && !host.ends_with(']')) {
        target.port = host.substr(colon + 1);
        host = host.substr(0, colon);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    target.host = host;
    const bool is_port = !target.port.empty() && target.port.size() <= 5 &&
                         std::ranges::all_of(target.port, [](unsigned char c) { return std::isdigit(c) != 0; });
    if (host.empty() || host.find('@') != std::string_view::npos || !is_port) return error;
    while (target.path.ends_with('/')) target.path.pop_back();
    for (const Path& path : kPaths) {
        if (!target.path.ends_with(path.ending)) continue;
        target.contract = path.contract;
        return target;
    }
    // Servers behind a proxy have a path of their own in front.
    target.path += kPaths[0].ending;
    return target;
}

std::vector<HttpPost> posts_of(const PushTarget& target, const Report& report, size_t max_processes) {
    std::vector<HttpPost> posts;
    Json series = Json::array();
    const int64_t now_s = unix_now_s();
    for (const ProcessReport& process : report.processes) {
        if (series.size() + posts.size() >= max_processes) break;
        Report one;
        one.time = report.time;
        one.attached_s = report.attached_s;
        one.selection = report.selection;
        one.processes = {process};
        one.coverage.events_lost = report.coverage.events_lost;
        const std::string profile = write_pprof(one, {});
        if (target.contract == PushTarget::Contract::kPyroscopeIngest) {
            const auto begin_s = now_s - static_cast<int64_t>(std::clamp(report.attached_s, 1.0, 1e9));
            posts.push_back({fmt::format("{}?name={}&from={}&until={}&format=pprof&spyName=whoholds", target.path,
                                         percent_encoded(ingest_name(process)), begin_s, now_s),
                             "binary/octet-stream", profile});
            continue;
        }
        const std::vector<Json> labels = labels_of(process);
        const Json raw = Json::array({{{"rawProfile", base64(profile)}}});
        const bool is_parca = target.contract == PushTarget::Contract::kParca;
        series.push_back({{"labels", is_parca ? Json{{"labels", labels}} : Json(labels)}, {"samples", raw}});
    }
    if (series.empty()) return posts;
    Json body = {{"series", series}};
    // Addresses are those in the files already.
    if (target.contract == PushTarget::Contract::kParca) body["normalized"] = true;
    posts.push_back({target.path, "application/json", body.dump()});
    return posts;
}

}  // namespace whoholds
