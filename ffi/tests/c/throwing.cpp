// A callback that breaks the rule and throws: the process ends, at once and by abort. Arguments as for story.cpp.
#include <crane.h>

#include <stdexcept>

static std::int32_t throws(void *, std::int32_t, const char *, size_t) {
    throw std::runtime_error("through Crane");
}

int main(int argc, char **argv) {
    crane_options options = CRANE_OPTIONS_INIT;
    options.models = argc > 2 ? argv[1] : "";
    options.library = argc > 2 ? argv[2] : "";
    crane *runtime = nullptr;
    if (crane_open(&options, &runtime) != CRANE_OK) {
        return 2;
    }
    crane_question question = CRANE_QUESTION_INIT;
    question.text = "What is it?";
    try {
        crane_ask(runtime, &question, nullptr, throws, nullptr, nullptr);
    } catch (...) {
        return 3;
    }
    return 4;
}
