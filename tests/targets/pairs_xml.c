// libxml2, for the pairs puppet.
#include <string.h>

#include "pairs_puppet.h"

static const char kText[] = "<a><b>text</b></a>";

static void* make_document(int way) {
    typedef unsigned char xmlChar;
    switch (way) {
        case 0: return FN(void*, xmlNewDoc, const char*)("1.0");
        case 1:
            return FN(void*, xmlReadMemory, const char*, int, const char*, const char*, int)(kText, (int)strlen(kText),
                                                                                             NULL, NULL, 0);
        case 2: return FN(void*, xmlParseMemory, const char*, int)(kText, (int)strlen(kText));
        case 3:
            return FN(void*, xmlReadDoc, const xmlChar*, const char*, const char*, int)((const xmlChar*)kText, NULL,
                                                                                        NULL, 0);
        case 4:
            return FN(void*, htmlReadMemory, const char*, int, const char*, const char*, int)("<p>text", 7, NULL, NULL,
                                                                                              0);
        case 5: return FN(void*, htmlNewDoc, const xmlChar*, const xmlChar*)(NULL, NULL);
        default: {
            void* first = make_document(0);
            void* copy = FN(void*, xmlCopyDoc, void*, int)(first, 1);
            FN(void, xmlFreeDoc, void*)(first);
            return copy;
        }
    }
}

static void free_document(void* document, int way) {
    (void)way;
    FN(void, xmlFreeDoc, void*)(document);
}

static void use_reader(void) {
    void* reader = FN(void*, xmlReaderForMemory, const char*, int, const char*, const char*, int)(
        kText, (int)strlen(kText), NULL, NULL, 0);
    while (FN(int, xmlTextReaderRead, void*)(reader) == 1) {}
    FN(void, xmlFreeTextReader, void*)(reader);
}

// Text that is not well-formed, and a reader, which has a document of its own.
static void use_parsers(void) {
    typedef void handler(void*, const char*, ...);
    FN(void, xmlSetGenericErrorFunc, void*, handler*)(NULL, NULL);
    FN(void*, xmlReadMemory, const char*, int, const char*, const char*, int)("<a>", 3, NULL, NULL, 96 /* no words */);
    use_reader();
}

static void* make_parser(int way) {
    switch (way) {
        case 0: return FN(void*, xmlNewParserCtxt, void)();
        case 1: return FN(void*, xmlCreateMemoryParserCtxt, const char*, int)(kText, (int)strlen(kText));
        case 2:
            return FN(void*, xmlCreatePushParserCtxt, void*, void*, const char*, int, const char*)(NULL, NULL, NULL, 0,
                                                                                                   NULL);
        case 3: return FN(void*, htmlNewParserCtxt, void)();
        default: return FN(void*, htmlCreateMemoryParserCtxt, const char*, int)("<p>", 3);
    }
}

static void free_parser(void* parser, int way) {
    if (way == 0)
        FN(void, xmlFreeParserCtxt, void*)(parser);
    else
        FN(void, htmlFreeParserCtxt, void*)(parser);
}

static void* make_path(int way) {
    static void* document;
    (void)way;
    if (!document) document = make_document(1);
    return FN(void*, xmlXPathNewContext, void*)(document);
}

static void free_path(void* context, int way) {
    (void)way;
    FN(void, xmlXPathFreeContext, void*)(context);
}

static void* make_reader(int way) {
    static void* document;
    if (way == 0)
        return FN(void*, xmlReaderForMemory, const char*, int, const char*, const char*, int)(kText, (int)strlen(kText),
                                                                                              NULL, NULL, 0);
    if (!document) document = make_document(1);
    return FN(void*, xmlReaderWalker, void*)(document);
}

static void free_reader(void* reader, int way) {
    (void)way;
    FN(void, xmlFreeTextReader, void*)(reader);
}

#define XML_LIBRARY "libxml2.so.2"
const struct pair_case kXmlCases[] = {
    {"xmlDoc", XML_LIBRARY, 7, 1, make_document, free_document, use_parsers},
    {"xmlParserCtxt", XML_LIBRARY, 5, 2, make_parser, free_parser, use_parsers},
    {"xmlXPathContext", XML_LIBRARY, 1, 1, make_path, free_path, use_parsers},
    {"xmlTextReader", XML_LIBRARY, 2, 1, make_reader, free_reader, use_parsers},
    {0},
};
