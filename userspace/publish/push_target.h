// Where profiles are pushed to, and how they are wrapped for it. Three contracts, told apart by the path of the URL:
//   /push.v1.PusherService/Push  Pyroscope (Connect, as JSON); also what a URL without a path means
//   /ingest                      Pyroscope's older one: the profile as it is, its name and times in the query
//   /profiles/writeraw           Parca (its gRPC call as JSON)
// Used by the pusher.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/report.h"

namespace whoholds {

struct PushTarget {
    enum class Contract : uint8_t { kPyroscopePush, kPyroscopeIngest, kParca };
    Contract contract = Contract::kPyroscopePush;
    std::string host;
    std::string port = "80";
    std::string path;
};

struct HttpPost {
    std::string path;  // with the query
    std::string content_type;
    std::string body;
};

// "http://127.0.0.1:4040", "http://parca:7070/profiles/writeraw"
Result<PushTarget> parse_push_url(std::string_view url);

// The profiles of a report, each process a series of its own; at most max_processes of them.
std::vector<HttpPost> posts_of(const PushTarget& target, const Report& report, size_t max_processes);

std::string base64(std::string_view data);

}  // namespace whoholds
