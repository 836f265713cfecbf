# fb_program(NAME FOLDER SOURCE...): a program that sees what the library does not export, in FOLDER of the build.
function(fb_program name folder)
    add_executable(${name} ${ARGN})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/core/src)
    target_compile_definitions(${name} PRIVATE FB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    target_link_libraries(${name} PRIVATE
        fb_flags fastbearer_static OpenSSL::Crypto PkgConfig::JANSSON Threads::Threads m)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
endfunction()
