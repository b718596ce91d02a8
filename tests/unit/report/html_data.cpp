#include "unit/report/html_data.h"

namespace whoholds {

nlohmann::ordered_json html_data(const std::string& page) {
    const std::string begin = "<script type=\"application/json\" id=\"data\">";
    const size_t at = page.find(begin);
    if (at == std::string::npos) return {};
    const size_t first = at + begin.size();
    return nlohmann::ordered_json::parse(page.substr(first, page.find("</script>", first) - first), nullptr, false);
}

}  // namespace whoholds
